import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { type EncodedTensor, encodeHeader } from './encode-header.ts';
import { defaultAlignment, maxAlignment, minAlignment } from './limits.ts';
import { type GgmlType, tensorBytes } from './tensor-types.ts';
import type { GgufValue } from './values.ts';

/** Bytes of a tensor, whole or in pieces that follow each other. */
export type TensorBytes = Uint8Array | AsyncIterable<Uint8Array>;

/** A tensor to write; `data` is asked for its bytes when its turn comes, so only one, or a piece of it, is in memory. */
export interface GgufTensorSource {
  name: string;
  /** ggml order: the dimension that varies fastest comes first. */
  shape: readonly number[];
  type: GgmlType;
  data: () => Promise<TensorBytes> | TensorBytes;
}

export interface GgufContent {
  /** In file order. `general.alignment` is honoured when given. */
  metadata: readonly (readonly [string, GgufValue])[];
  tensors: readonly GgufTensorSource[];
}

/**
 * Writes a GGUF file of version 3. It is written aside, fsynced and renamed into place: at `path` there is either what
 * was there before or the whole new file. Throws `invalid_request` for content that the format cannot hold, or data of
 * the wrong length; nothing is left behind then.
 */
export async function writeGguf(file: string, content: GgufContent, signal?: AbortSignal): Promise<void> {
  const alignment = chosenAlignment(content.metadata);
  const placed = placeTensors(content.tensors, alignment);
  const header = encodeHeader(content.metadata, placed);
  const aside = `${file}.${randomUUID()}.tmp`;
  const handle = await open(aside, 'wx');
  try {
    try {
      await writeAll(handle, header);
      if (placed.length > 0) await writeAll(handle, padding(header.length, alignment));
      for (const tensor of placed) {
        signal?.throwIfAborted();
        await writeTensor(handle, tensor, signal);
        await writeAll(handle, padding(tensor.byteLength, alignment));
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, file);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  await syncDirectory(path.dirname(file));
}

async function writeTensor(
  handle: FileHandle,
  { name, data, byteLength }: GgufTensorSource & { byteLength: number },
  signal: AbortSignal | undefined,
): Promise<void> {
  const bytes = await data();
  let written = 0;
  for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
    signal?.throwIfAborted();
    written += piece.byteLength;
    if (written > byteLength) break;
    await writeAll(handle, piece);
  }
  if (written !== byteLength)
    throw unwritable(
      `tensor ${name} has ${written > byteLength ? 'more than ' : ''}${Math.min(written, byteLength)} bytes of data, expected ${byteLength}`,
    );
}

function placeTensors(
  tensors: readonly GgufTensorSource[],
  alignment: number,
): (GgufTensorSource & EncodedTensor & { byteLength: number })[] {
  let offset = 0n;
  return tensors.map((tensor) => {
    const byteLength = tensor.shape.every((size) => Number.isSafeInteger(size) && size >= 1)
      ? tensorBytes(tensor.type, tensor.shape)
      : undefined;
    if (byteLength === undefined || byteLength > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw unwritable(
        `tensor ${tensor.name} of type ${tensor.type} cannot have the shape [${tensor.shape.join(', ')}]`,
      );
    }
    const placed = { ...tensor, offset, byteLength: Number(byteLength) };
    offset += byteLength + BigInt(padding(Number(byteLength), alignment).length);
    return placed;
  });
}

function chosenAlignment(metadata: GgufContent['metadata']): number {
  const entry = metadata.find(([key]) => key === 'general.alignment')?.[1];
  if (!entry) return defaultAlignment;
  const value = entry.type === 'UINT32' ? entry.value : 0;
  if (value < minAlignment || value > maxAlignment || (value & (value - 1)) !== 0) {
    throw unwritable('general.alignment must be a UINT32 power of two from 32 to 4096');
  }
  return value;
}

function padding(length: number, alignment: number): Buffer {
  return Buffer.alloc((alignment - (length % alignment)) % alignment);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.byteLength - written);
    written += bytesWritten;
  }
}

/** Makes the rename itself durable; Windows cannot open directories and needs no such thing. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unwritable(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason: `Cannot write the GGUF file: ${reason}` });
}
