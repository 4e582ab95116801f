import { type FileHandle, open } from 'node:fs/promises';
import { invalidFile } from '../invalid-file.ts';
import { maxSafetensorsHeaderBytes } from '../limits.ts';
import { parseHeader, type SafetensorsHeader } from './header.ts';

/** Describes a safetensors file, or throws `invalid_model_file`; tensor data is not read. */
export async function readSafetensors(path: string): Promise<SafetensorsHeader> {
  await using file = await open(path, 'r');
  const status = await file.stat();
  if (!status.isFile()) throw invalidFile(path, 'it is not a regular file');
  if (status.size < 8) throw invalidFile(path, 'it is shorter than the length of its header');
  const length = Buffer.from(await readAt(path, file, 0, 8)).readBigUInt64LE();
  if (length > BigInt(maxSafetensorsHeaderBytes))
    throw invalidFile(path, `its header claims ${length} bytes, more than ${maxSafetensorsHeaderBytes}`);
  if (length > BigInt(status.size - 8))
    throw invalidFile(path, `its header claims ${length} bytes, more than the file`);
  const header = await readAt(path, file, 8, Number(length));
  return parseHeader(path, header, 8 + Number(length), status.size);
}

/** `length` bytes from `position`; throws `invalid_model_file` when the file has become shorter. */
export async function readAt(path: string, file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  // Aligned at a fresh buffer, so that typed arrays may look at it.
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) throw invalidFile(path, 'it was cut short while it was read');
    filled += bytesRead;
  }
  return bytes;
}
