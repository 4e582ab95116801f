/** One tensor's way from a safetensors file into a GGUF file, in pieces of whole rows. */
import { open } from 'node:fs/promises';
import type { QuantisedType } from '@atelier/llama';
import { dequantise, type FloatType, type GgufTensorSource, ggmlTypes } from '@atelier/llama/gguf';
import type { TensorRule } from '../families/family.ts';
import { invalidFile } from '../invalid-file.ts';
import { chunkBytes } from '../limits.ts';
import { isFloatType } from '../safetensors/dtypes.ts';
import type { StoredTensor } from '../safetensors/folder.ts';
import { readAt } from '../safetensors/read.ts';
import { reorderRows } from './interleave.ts';
import { storeFloats } from './store-floats.ts';

/** The shape that a rule's tensor has in the GGUF file, fastest dimension first. */
export function ggmlShape({ shape, change }: TensorRule): number[] {
  return change?.kind === 'transpose' ? [...shape] : shape.toReversed();
}

/** Throws `invalid_model_file` when the stored tensor is not what the rule expects. */
export function checkTensor(rule: TensorRule, stored: StoredTensor): void {
  if (!isFloatType(stored.dtype))
    throw invalidFile(stored.path, `tensor ${stored.name} is of type ${stored.dtype}; supported: F32, F16, BF16`);
  if (stored.shape.join() !== rule.shape.join())
    throw invalidFile(
      stored.path,
      `tensor ${stored.name} has the shape [${stored.shape.join(', ')}], expected [${rule.shape.join(', ')}]`,
    );
}

/** The tensor for `writeGguf`; numbers that need no other type are copied as they are. */
export function convertTensor(rule: TensorRule, stored: StoredTensor, type: QuantisedType): GgufTensorSource {
  checkTensor(rule, stored);
  return { name: rule.name, shape: ggmlShape(rule), type, data: () => pieces(rule, stored, type) };
}

async function* pieces(rule: TensorRule, stored: StoredTensor, type: QuantisedType): AsyncGenerator<Uint8Array> {
  const dtype = stored.dtype as FloatType;
  const elementBytes = ggmlTypes[dtype].blockBytes;
  await using file = await open(stored.path, 'r');
  const rows = rule.shape[0] ?? 1;
  const rowLength = rule.shape.slice(1).reduce((product, extent) => product * extent, 1);
  const headSize = rule.change?.kind === 'interleave' ? rows / rule.change.heads : undefined;
  const rowBytes = rowLength * elementBytes;
  const store = (bytes: Uint8Array, length: number): Uint8Array => {
    if (dtype === type && rule.change?.kind !== 'plus-one') return bytes;
    const floats = dequantise(dtype, bytes);
    if (rule.change?.kind === 'plus-one') for (let index = 0; index < floats.length; index++) floats[index]! += 1;
    return storeFloats(type, floats, length, rule.name);
  };
  if (rule.change?.kind === 'transpose') {
    const whole = transpose(
      await readAt(stored.path, file, stored.offset, stored.byteLength),
      rows,
      rowLength,
      elementBytes,
    );
    yield store(whole, rows);
    return;
  }
  // Rows change places within their head only.
  const unit = headSize ?? 1;
  const step = Math.max(1, Math.floor(chunkBytes / (rowLength * 4) / unit)) * unit;
  for (let start = 0; start < rows; start += step) {
    const count = Math.min(step, rows - start);
    const bytes = await readAt(stored.path, file, stored.offset + start * rowBytes, count * rowBytes);
    const moved = reorderRows(bytes, count, headSize, 'gguf');
    // A vector is one row when it is stored, however its numbers were moved.
    yield store(moved, rule.shape.length === 1 ? count : rowLength);
  }
}

/** A rows by columns matrix of elements of 2 or 4 bytes, turned. Whole in memory: only GPT-2's small products need it. */
function transpose(bytes: Uint8Array, rows: number, columns: number, elementBytes: number): Uint8Array {
  const turned = elementBytes === 4 ? new Uint32Array(rows * columns) : new Uint16Array(rows * columns);
  const source = elementBytes === 4 ? new Uint32Array(rows * columns) : new Uint16Array(rows * columns);
  new Uint8Array(source.buffer).set(bytes);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) turned[column * rows + row] = source[row * columns + column] ?? 0;
  return new Uint8Array(turned.buffer);
}
