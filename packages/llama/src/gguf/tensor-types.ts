import { ggml_type } from '../generated/enums.ts';

/**
 * Tensor types by ggml's names. Values are stored in blocks of `blockElements` along the first dimension, each
 * `blockBytes` long; plain types have blocks of one. A test compares this table with the native library's.
 */
export const ggmlTypes = {
  F32: { id: ggml_type.GGML_TYPE_F32, blockElements: 1, blockBytes: 4 },
  F16: { id: ggml_type.GGML_TYPE_F16, blockElements: 1, blockBytes: 2 },
  Q4_0: { id: ggml_type.GGML_TYPE_Q4_0, blockElements: 32, blockBytes: 18 },
  Q4_1: { id: ggml_type.GGML_TYPE_Q4_1, blockElements: 32, blockBytes: 20 },
  Q5_0: { id: ggml_type.GGML_TYPE_Q5_0, blockElements: 32, blockBytes: 22 },
  Q5_1: { id: ggml_type.GGML_TYPE_Q5_1, blockElements: 32, blockBytes: 24 },
  Q8_0: { id: ggml_type.GGML_TYPE_Q8_0, blockElements: 32, blockBytes: 34 },
  Q8_1: { id: ggml_type.GGML_TYPE_Q8_1, blockElements: 32, blockBytes: 36 },
  Q2_K: { id: ggml_type.GGML_TYPE_Q2_K, blockElements: 256, blockBytes: 84 },
  Q3_K: { id: ggml_type.GGML_TYPE_Q3_K, blockElements: 256, blockBytes: 110 },
  Q4_K: { id: ggml_type.GGML_TYPE_Q4_K, blockElements: 256, blockBytes: 144 },
  Q5_K: { id: ggml_type.GGML_TYPE_Q5_K, blockElements: 256, blockBytes: 176 },
  Q6_K: { id: ggml_type.GGML_TYPE_Q6_K, blockElements: 256, blockBytes: 210 },
  Q8_K: { id: ggml_type.GGML_TYPE_Q8_K, blockElements: 256, blockBytes: 292 },
  IQ2_XXS: { id: ggml_type.GGML_TYPE_IQ2_XXS, blockElements: 256, blockBytes: 66 },
  IQ2_XS: { id: ggml_type.GGML_TYPE_IQ2_XS, blockElements: 256, blockBytes: 74 },
  IQ3_XXS: { id: ggml_type.GGML_TYPE_IQ3_XXS, blockElements: 256, blockBytes: 98 },
  IQ1_S: { id: ggml_type.GGML_TYPE_IQ1_S, blockElements: 256, blockBytes: 50 },
  IQ4_NL: { id: ggml_type.GGML_TYPE_IQ4_NL, blockElements: 32, blockBytes: 18 },
  IQ3_S: { id: ggml_type.GGML_TYPE_IQ3_S, blockElements: 256, blockBytes: 110 },
  IQ2_S: { id: ggml_type.GGML_TYPE_IQ2_S, blockElements: 256, blockBytes: 82 },
  IQ4_XS: { id: ggml_type.GGML_TYPE_IQ4_XS, blockElements: 256, blockBytes: 136 },
  I8: { id: ggml_type.GGML_TYPE_I8, blockElements: 1, blockBytes: 1 },
  I16: { id: ggml_type.GGML_TYPE_I16, blockElements: 1, blockBytes: 2 },
  I32: { id: ggml_type.GGML_TYPE_I32, blockElements: 1, blockBytes: 4 },
  I64: { id: ggml_type.GGML_TYPE_I64, blockElements: 1, blockBytes: 8 },
  F64: { id: ggml_type.GGML_TYPE_F64, blockElements: 1, blockBytes: 8 },
  IQ1_M: { id: ggml_type.GGML_TYPE_IQ1_M, blockElements: 256, blockBytes: 56 },
  BF16: { id: ggml_type.GGML_TYPE_BF16, blockElements: 1, blockBytes: 2 },
  TQ1_0: { id: ggml_type.GGML_TYPE_TQ1_0, blockElements: 256, blockBytes: 54 },
  TQ2_0: { id: ggml_type.GGML_TYPE_TQ2_0, blockElements: 256, blockBytes: 66 },
  MXFP4: { id: ggml_type.GGML_TYPE_MXFP4, blockElements: 32, blockBytes: 17 },
  NVFP4: { id: ggml_type.GGML_TYPE_NVFP4, blockElements: 64, blockBytes: 36 },
  Q1_0: { id: ggml_type.GGML_TYPE_Q1_0, blockElements: 128, blockBytes: 18 },
  Q2_0: { id: ggml_type.GGML_TYPE_Q2_0, blockElements: 64, blockBytes: 18 },
} as const satisfies Record<string, { id: ggml_type; blockElements: number; blockBytes: number }>;

export type GgmlType = keyof typeof ggmlTypes;

const namesById = new Map<number, GgmlType>(
  Object.entries(ggmlTypes).map(([name, type]) => [type.id, name as GgmlType]),
);

/** The name of a type number as GGUF files store it, or undefined for numbers that are not in use (any more). */
export function ggmlTypeName(id: number): GgmlType | undefined {
  return namesById.get(id);
}

/**
 * Bytes that a tensor of this type and shape (ggml order, fastest dimension first) takes in a file, in BigInt because
 * a hostile shape's product does not fit a number. Undefined when a row does not hold whole blocks.
 */
export function tensorBytes(type: GgmlType, shape: readonly (number | bigint)[]): bigint | undefined {
  const { blockElements, blockBytes } = ggmlTypes[type];
  const row = BigInt(shape[0] ?? 1);
  if (row % BigInt(blockElements) !== 0n) return undefined;
  const blocks = shape.slice(1).reduce<bigint>((product, size) => product * BigInt(size), row / BigInt(blockElements));
  return blocks * BigInt(blockBytes);
}
