import { type Cursor, Malformed } from './cursor.ts';
import { quote } from './invalid-file.ts';
import { maxArrayElements, maxKeyBytes } from './limits.ts';
import { type GgufScalarType, type GgufValue, ggufValueTypes, storedBytes } from './values.ts';

const typeNames = new Map<number, keyof typeof ggufValueTypes>(
  Object.entries(ggufValueTypes).map(([name, id]) => [id, name as keyof typeof ggufValueTypes]),
);

/** Reads `count` keys with their values. */
export function parseMetadata(cursor: Cursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < count; index++) {
    const key = cursor.string(`key ${index}`, maxKeyBytes);
    if (key === '') throw new Malformed(`key ${index} is empty`);
    if (metadata.has(key)) throw new Malformed(`key ${quote(key)} occurs twice`);
    metadata.set(key, parseValue(cursor, key));
  }
  return metadata;
}

function parseValue(cursor: Cursor, key: string): GgufValue {
  const type = parseType(cursor, key);
  if (type !== 'ARRAY') return { type, value: parseScalar(cursor, type, `a string of key ${quote(key)}`) } as GgufValue;
  const items = parseType(cursor, key);
  if (items === 'ARRAY') throw new Malformed(`key ${quote(key)} holds an array of arrays`);
  const length = cursor.count(`the length of key ${quote(key)}`, maxArrayElements);
  if (length * storedBytes[items] > cursor.remaining) {
    throw new Malformed(`key ${quote(key)} claims ${length} elements, more than the file holds`);
  }
  // Grown rather than made at its claimed length, so that memory follows the bytes that are really there.
  const value: unknown[] = [];
  // Named once: vocabularies have hundreds of thousands of strings.
  const what = `a string of key ${quote(key)}`;
  for (let index = 0; index < length; index++) value.push(parseScalar(cursor, items, what));
  return { type, items, value } as GgufValue;
}

function parseType(cursor: Cursor, key: string): keyof typeof ggufValueTypes {
  const id = cursor.uint32();
  const type = typeNames.get(id);
  if (!type) throw new Malformed(`key ${quote(key)} has the unknown type ${id}`);
  return type;
}

function parseScalar(cursor: Cursor, type: GgufScalarType, what: string): unknown {
  switch (type) {
    case 'UINT8':
      return cursor.uint8();
    case 'INT8':
      return cursor.int8();
    case 'UINT16':
      return cursor.uint16();
    case 'INT16':
      return cursor.int16();
    case 'UINT32':
      return cursor.uint32();
    case 'INT32':
      return cursor.int32();
    case 'FLOAT32':
      return cursor.float32();
    case 'FLOAT64':
      return cursor.float64();
    case 'UINT64':
      return cursor.uint64();
    case 'INT64':
      return cursor.int64();
    case 'BOOL':
      return cursor.bool();
    case 'STRING':
      return cursor.string(what);
  }
}
