import type { FloatType } from '@atelier/llama/gguf';

/** Bits of one element by the names that safetensors files use, smaller than a byte included. */
export const dtypeBits = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

export type Dtype = keyof typeof dtypeBits;

/** The names agree with GGUF's for the types that weights are converted from. */
export function isFloatType(dtype: Dtype): dtype is FloatType {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}
