/**
 * Reads GGUF files strictly, in TypeScript, before native code sees them. Whatever the bytes are, the result is a
 * checked description or an `invalid_model_file` that says what is wrong; memory and time follow the file's real size.
 */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { Cursor, Malformed, NeedMoreBytes } from './cursor.ts';
import { invalidFile } from './invalid-file.ts';
import {
  defaultAlignment,
  maxAlignment,
  maxHeaderBytes,
  maxKeys,
  maxTensors,
  minAlignment,
  supportedVersions,
} from './limits.ts';
import { parseMetadata } from './parse-metadata.ts';
import { type GgufTensor, parseTensorEntries, placeTensors } from './parse-tensors.ts';
import type { GgufValue } from './values.ts';

export interface GgufFile {
  version: number;
  /** Tensor data starts at multiples of this. */
  alignment: number;
  metadata: Map<string, GgufValue>;
  tensors: GgufTensor[];
  /** Where the tensor data starts, from the start of the file. */
  dataOffset: number;
  fileSize: number;
}

const firstReadBytes = 2 ** 20;

/** Describes the file at `path`, or throws `invalid_model_file`. Errors of the file system pass through. */
export async function readGguf(path: string): Promise<GgufFile> {
  const file = await open(path, 'r');
  try {
    const status = await file.stat();
    const reading = readHeader(path, status);
    for (let step = reading.next(); ;) {
      if (step.done) return step.value;
      const { bytes, position } = step.value;
      const { bytesRead } = await file.read(bytes, 0, bytes.length, position);
      step = reading.next(bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** The same without giving up the thread, for processes that go on to load the file natively. */
export function readGgufSync(path: string): GgufFile {
  const file = openSync(path, 'r');
  try {
    const reading = readHeader(path, fstatSync(file));
    for (let step = reading.next(); ;) {
      if (step.done) return step.value;
      const { bytes, position } = step.value;
      step = reading.next(readSync(file, bytes, 0, bytes.length, position));
    }
  } finally {
    closeSync(file);
  }
}

/** A read that `readHeader` asks for; it is answered with the number of bytes that were read. */
type ReadRequest = { bytes: Uint8Array; position: number };

/** Parses what is in memory, and again with twice as much while the header goes on: at most twice the work. */
function* readHeader(path: string, status: Stats): Generator<ReadRequest, GgufFile, number> {
  if (!status.isFile()) throw invalidFile(path, 'it is not a regular file');
  const fileSize = status.size;
  let bytes = Buffer.alloc(0);
  try {
    for (let wanted = firstReadBytes; ; wanted *= 2) {
      const length = Math.min(wanted, fileSize, maxHeaderBytes);
      const longer = Buffer.alloc(length);
      bytes.copy(longer);
      for (let filled = bytes.length; filled < length;) {
        const read: number = yield { bytes: longer.subarray(filled), position: filled };
        if (read === 0) throw new Malformed('the file was cut short while it was read');
        filled += read;
      }
      bytes = longer;
      try {
        return parseHeader(new Cursor(bytes, fileSize), fileSize);
      } catch (error) {
        if (!(error instanceof NeedMoreBytes)) throw error;
        if (length === maxHeaderBytes)
          throw new Malformed(`its header is longer than ${maxHeaderBytes} bytes`, { cause: error });
      }
    }
  } catch (error) {
    throw error instanceof Malformed ? invalidFile(path, error.message) : error;
  }
}

function parseHeader(cursor: Cursor, fileSize: number): GgufFile {
  if (cursor.remaining < 4 || cursor.uint32() !== 0x46554747) throw new Malformed('it does not start with GGUF');
  const version = cursor.uint32();
  if (!supportedVersions.includes(version)) throw new Malformed(`GGUF version ${version} is not supported`);
  const tensorCount = cursor.count('the number of tensors', maxTensors);
  const keyCount = cursor.count('the number of keys', maxKeys);
  const metadata = parseMetadata(cursor, keyCount);
  const alignment = readAlignment(metadata);
  const entries = parseTensorEntries(cursor, tensorCount);
  // Only files with tensors pad their header.
  const dataOffset = tensorCount === 0 ? cursor.position : Math.ceil(cursor.position / alignment) * alignment;
  const tensors = placeTensors(entries, dataOffset, alignment, fileSize);
  return { version, alignment, metadata, tensors, dataOffset, fileSize };
}

function readAlignment(metadata: Map<string, GgufValue>): number {
  const entry = metadata.get('general.alignment');
  if (!entry) return defaultAlignment;
  if (entry.type !== 'UINT32') throw new Malformed(`general.alignment has type ${entry.type}, not UINT32`);
  const { value } = entry;
  const isPowerOfTwo = value > 0 && (value & (value - 1)) === 0;
  if (!isPowerOfTwo || value < minAlignment || value > maxAlignment) {
    throw new Malformed(`general.alignment is ${value}, not a power of two from ${minAlignment} to ${maxAlignment}`);
  }
  return value;
}
