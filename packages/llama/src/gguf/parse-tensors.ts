import { type Cursor, Malformed } from './cursor.ts';
import { quote } from './invalid-file.ts';
import { maxDimensions, maxTensorElements, maxTensorNameBytes } from './limits.ts';
import { type GgmlType, ggmlTypeName, tensorBytes } from './tensor-types.ts';

/** Where a tensor lies and what it is. */
export interface GgufTensor {
  name: string;
  /** ggml order: the dimension that varies fastest comes first. */
  shape: number[];
  type: GgmlType;
  /** From the start of the file. */
  offset: number;
  byteLength: number;
}

/** A tensor as its header entry says; `offset` counts from the start of the data. */
export interface TensorEntry {
  name: string;
  shape: number[];
  type: GgmlType;
  offset: bigint;
  byteLength: bigint;
}

/** Reads `count` tensor entries, each checked by itself. */
export function parseTensorEntries(cursor: Cursor, count: number): TensorEntry[] {
  const names = new Set<string>();
  const entries: TensorEntry[] = [];
  for (let index = 0; index < count; index++) {
    const entry = parseEntry(cursor, index);
    if (names.has(entry.name)) throw new Malformed(`tensor ${quote(entry.name)} occurs twice`);
    names.add(entry.name);
    entries.push(entry);
  }
  return entries;
}

function parseEntry(cursor: Cursor, index: number): TensorEntry {
  const name = cursor.string(`the name of tensor ${index}`, maxTensorNameBytes);
  if (name === '') throw new Malformed(`the name of tensor ${index} is empty`);
  const dimensions = cursor.uint32();
  if (dimensions < 1 || dimensions > maxDimensions) {
    throw new Malformed(`tensor ${quote(name)} has ${dimensions} dimensions, not 1 to ${maxDimensions}`);
  }
  const sizes: bigint[] = [];
  let elements = 1n;
  for (let dimension = 0; dimension < dimensions; dimension++) {
    const size = cursor.uint64();
    if (size < 1n) throw new Malformed(`tensor ${quote(name)} has a dimension of 0`);
    sizes.push(size);
    elements *= size;
    // Checked at each step: the product of four 64-bit sizes would be slow to no purpose, and native code overflows.
    if (elements > maxTensorElements) throw new Malformed(`tensor ${quote(name)} has too many elements`);
  }
  const typeId = cursor.uint32();
  const type = ggmlTypeName(typeId);
  if (!type) throw new Malformed(`tensor ${quote(name)} has the unknown type ${typeId}`);
  const byteLength = tensorBytes(type, sizes);
  if (byteLength === undefined) {
    throw new Malformed(`tensor ${quote(name)} has rows of ${sizes[0]} elements, not whole blocks of ${type}`);
  }
  return { name, shape: sizes.map(Number), type, offset: cursor.uint64(), byteLength };
}

/**
 * Turns entries into places in the file. Native code wants each tensor to start where the one before it ends, rounded
 * up to the alignment; that also rules out overlaps and gaps. Each must lie inside the file.
 */
export function placeTensors(
  entries: TensorEntry[],
  dataOffset: number,
  alignment: number,
  fileSize: number,
): GgufTensor[] {
  let expected = 0n;
  return entries.map(({ name, shape, type, offset, byteLength }) => {
    if (offset !== expected) {
      throw new Malformed(
        `tensor ${quote(name)} is at offset ${offset}, expected ${expected}: it overlaps or leaves a gap`,
      );
    }
    const end = BigInt(dataOffset) + offset + byteLength;
    if (end > BigInt(fileSize)) {
      throw new Malformed(`tensor ${quote(name)} ends at byte ${end}, the file at byte ${fileSize}`);
    }
    expected = alignUp(offset + byteLength, BigInt(alignment));
    return { name, shape, type, offset: dataOffset + Number(offset), byteLength: Number(byteLength) };
  });
}

function alignUp(value: bigint, alignment: bigint): bigint {
  return ((value + alignment - 1n) / alignment) * alignment;
}
