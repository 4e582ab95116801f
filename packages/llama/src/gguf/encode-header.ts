import { AtelierError } from '@atelier/errors';
import { maxArrayElements, maxDimensions, maxKeyBytes, maxStringBytes, maxTensorNameBytes } from './limits.ts';
import { type GgmlType, ggmlTypes } from './tensor-types.ts';
import { type GgufScalarType, type GgufValue, ggufValueTypes, storedBytes } from './values.ts';

/** A tensor as the header describes it; `offset` counts from the start of the data. */
export interface EncodedTensor {
  name: string;
  shape: readonly number[];
  type: GgmlType;
  offset: bigint;
}

/** The bytes of a version 3 header, without the padding that follows it. */
export function encodeHeader(
  metadata: readonly (readonly [string, GgufValue])[],
  tensors: readonly EncodedTensor[],
): Buffer {
  const parts: Buffer[] = [Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(metadata.length)];
  const seen = new Set<string>();
  for (const [key, entry] of metadata) {
    if (key === '' || seen.has(key)) throw unwritable(`the key ${JSON.stringify(key)} is empty or given twice`);
    seen.add(key);
    parts.push(string(key, maxKeyBytes), encodeValue(key, entry));
  }
  const names = new Set<string>();
  for (const { name, shape, type, offset } of tensors) {
    if (name === '' || names.has(name))
      throw unwritable(`the tensor name ${JSON.stringify(name)} is empty or given twice`);
    names.add(name);
    if (
      shape.length < 1 ||
      shape.length > maxDimensions ||
      !shape.every((size) => Number.isSafeInteger(size) && size >= 1)
    ) {
      throw unwritable(`tensor ${name} has the shape [${shape.join(', ')}]`);
    }
    parts.push(string(name, maxTensorNameBytes), uint32(shape.length), ...shape.map(uint64));
    parts.push(uint32(ggmlTypes[type].id), uint64(offset));
  }
  return Buffer.concat(parts);
}

function encodeValue(key: string, entry: GgufValue): Buffer {
  if (entry.type !== 'ARRAY') {
    return Buffer.concat([uint32(ggufValueTypes[entry.type]), encodeScalar(key, entry.type, entry.value)]);
  }
  if (entry.value.length > maxArrayElements) throw unwritable(`key ${key} holds ${entry.value.length} elements`);
  const items = Array.from<unknown, Buffer>(entry.value, (value) => encodeScalar(key, entry.items, value));
  const head = [uint32(ggufValueTypes.ARRAY), uint32(ggufValueTypes[entry.items]), uint64(entry.value.length)];
  return Buffer.concat([...head, Buffer.concat(items)]);
}

const integerRanges: Partial<Record<GgufScalarType, readonly [bigint, bigint]>> = {
  UINT8: [0n, 2n ** 8n - 1n],
  INT8: [-(2n ** 7n), 2n ** 7n - 1n],
  UINT16: [0n, 2n ** 16n - 1n],
  INT16: [-(2n ** 15n), 2n ** 15n - 1n],
  UINT32: [0n, 2n ** 32n - 1n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
};

function encodeScalar(key: string, type: GgufScalarType, value: unknown): Buffer {
  if (type === 'STRING' && typeof value === 'string') return string(value, maxStringBytes);
  if (type === 'BOOL' && typeof value === 'boolean') return Buffer.from([Number(value)]);
  if (type === 'FLOAT32' && typeof value === 'number') return float(4, value);
  if (type === 'FLOAT64' && typeof value === 'number') return float(8, value);
  const range = integerRanges[type];
  const whole = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
  if (!range || whole === undefined || whole < range[0] || whole > range[1]) {
    throw unwritable(`key ${key} has the ${type} value ${String(value)}`);
  }
  return integer(type, whole);
}

function integer(type: GgufScalarType, value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  // Two's complement in little-endian order: a narrower value is the first bytes of the wide one.
  return bytes.subarray(0, storedBytes[type]);
}

function float(width: 4 | 8, value: number): Buffer {
  const bytes = Buffer.alloc(width);
  if (width === 4) bytes.writeFloatLE(value);
  else bytes.writeDoubleLE(value);
  return bytes;
}

function string(text: string, limit: number): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > limit) throw unwritable(`a text of ${bytes.length} bytes is longer than ${limit}`);
  if (bytes.includes(0)) throw unwritable('a text holds a zero byte');
  if (!text.isWellFormed()) throw unwritable('a text holds half a surrogate pair');
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function unwritable(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason: `Cannot write the GGUF file: ${reason}` });
}
