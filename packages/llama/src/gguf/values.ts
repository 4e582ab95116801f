/** Metadata types by the numbers that files store. */
export const ggufValueTypes = {
  UINT8: 0,
  INT8: 1,
  UINT16: 2,
  INT16: 3,
  UINT32: 4,
  INT32: 5,
  FLOAT32: 6,
  BOOL: 7,
  STRING: 8,
  ARRAY: 9,
  UINT64: 10,
  INT64: 11,
  FLOAT64: 12,
} as const;

export type GgufNumberType = 'UINT8' | 'INT8' | 'UINT16' | 'INT16' | 'UINT32' | 'INT32' | 'FLOAT32' | 'FLOAT64';
export type GgufBigType = 'UINT64' | 'INT64';
export type GgufScalarType = GgufNumberType | GgufBigType | 'BOOL' | 'STRING';

/** One metadata value. Arrays hold scalars only: native code refuses nested ones, and so does this reader. */
export type GgufValue =
  | { type: GgufNumberType; value: number }
  | { type: GgufBigType; value: bigint }
  | { type: 'BOOL'; value: boolean }
  | { type: 'STRING'; value: string }
  | { type: 'ARRAY'; items: GgufNumberType; value: readonly number[] }
  | { type: 'ARRAY'; items: GgufBigType; value: readonly bigint[] }
  | { type: 'ARRAY'; items: 'BOOL'; value: readonly boolean[] }
  | { type: 'ARRAY'; items: 'STRING'; value: readonly string[] };

export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** Bytes of one stored value; a string's length field, for strings. */
export const storedBytes: Record<GgufScalarType, number> = {
  UINT8: 1,
  INT8: 1,
  UINT16: 2,
  INT16: 2,
  UINT32: 4,
  INT32: 4,
  FLOAT32: 4,
  BOOL: 1,
  STRING: 8,
  UINT64: 8,
  INT64: 8,
  FLOAT64: 8,
};
