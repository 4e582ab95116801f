/**
 * The header of a safetensors file: eight bytes of length, then JSON that places every tensor in the bytes after it
 * (format as in the README of huggingface/safetensors). Places must cover the data without gap or overlap.
 */
import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { invalidFile, quote } from '../invalid-file.ts';
import { maxDimensions, maxTensorNameBytes, maxTensors } from '../limits.ts';
import { type Dtype, dtypeBits } from './dtypes.ts';

export interface SafeTensor {
  name: string;
  dtype: Dtype;
  /** Slowest dimension first, as PyTorch has it. */
  shape: number[];
  /** From the start of the file. */
  offset: number;
  byteLength: number;
}

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const entrySchema = z.strictObject({
  dtype: z.enum(Object.keys(dtypeBits) as [Dtype, ...Dtype[]]),
  shape: z.array(size).max(maxDimensions),
  data_offsets: z.tuple([size, size]),
});
const metadataSchema = z.record(z.string(), z.string());

export interface SafetensorsHeader {
  metadata: Record<string, string>;
  tensors: SafeTensor[];
}

/** Checks the JSON `bytes` of a header; `dataStart` is where the data begins, `fileSize` where it must end. */
export function parseHeader(file: string, bytes: Uint8Array, dataStart: number, fileSize: number): SafetensorsHeader {
  const entries = parseEntries(file, bytes);
  const tensors: SafeTensor[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of entries) {
    if (name === '__metadata__') {
      const checked = metadataSchema.safeParse(value);
      if (!checked.success) throw invalidFile(file, 'its __metadata__ is not a map of strings');
      metadata = checked.data;
      continue;
    }
    tensors.push(parseTensor(file, name, value, dataStart));
  }
  checkPlaces(file, tensors, dataStart, fileSize);
  return { metadata, tensors };
}

function parseEntries(file: string, bytes: Uint8Array): [string, unknown][] {
  if (!isUtf8(bytes)) throw invalidFile(file, 'its header is not valid UTF-8');
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw invalidFile(file, 'its header is not JSON', error);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw invalidFile(file, 'its header is not a JSON object');
  const entries = Object.entries(header);
  if (entries.length > maxTensors) throw invalidFile(file, `it has ${entries.length} tensors, more than ${maxTensors}`);
  return entries;
}

function parseTensor(file: string, name: string, value: unknown, dataStart: number): SafeTensor {
  if (name === '' || Buffer.byteLength(name) > maxTensorNameBytes)
    throw invalidFile(file, `the tensor name ${quote(name)} is empty or longer than ${maxTensorNameBytes} bytes`);
  const checked = entrySchema.safeParse(value);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw invalidFile(file, `tensor ${quote(name)}, ${issue?.path.join('.') || 'entry'}: ${issue?.message}`);
  }
  const { dtype, shape, data_offsets } = checked.data;
  const [begin, end] = data_offsets;
  const bits = shape.reduce((product, extent) => product * BigInt(extent), BigInt(dtypeBits[dtype]));
  if (bits % 8n !== 0n) throw invalidFile(file, `tensor ${quote(name)} does not fill whole bytes`);
  if (BigInt(end) - BigInt(begin) !== bits / 8n) {
    throw invalidFile(
      file,
      `tensor ${quote(name)} of ${dtype} [${shape.join(', ')}] takes ${bits / 8n} bytes, its offsets span ${end - begin}`,
    );
  }
  return { name, dtype, shape, offset: dataStart + begin, byteLength: end - begin };
}

function checkPlaces(file: string, tensors: readonly SafeTensor[], dataStart: number, fileSize: number): void {
  let expected = dataStart;
  for (const tensor of tensors.toSorted((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)) {
    if (tensor.offset !== expected) {
      const how = tensor.offset < expected ? 'overlaps the one before it' : 'leaves a gap before it';
      throw invalidFile(file, `tensor ${quote(tensor.name)} ${how}`);
    }
    expected += tensor.byteLength;
    if (expected > fileSize)
      throw invalidFile(file, `tensor ${quote(tensor.name)} ends at byte ${expected}, the file at byte ${fileSize}`);
  }
  if (expected !== fileSize) throw invalidFile(file, `${fileSize - expected} bytes follow its last tensor`);
}
