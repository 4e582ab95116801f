/** In which type each tensor of a model is stored. Fallbacks and mixes are llama.cpp's (llama-quant.cpp), file types llama.h's. */
import { type GgmlType, ggmlTypes } from '@atelier/llama/gguf';
import type { QuantisedType } from '@atelier/llama';

interface ModelType {
  /** What matrices are stored as. */
  base: QuantisedType;
  /** What those are stored as whose precision matters most; the same where it is not a mix. */
  more?: QuantisedType;
  /** `general.file_type`. */
  fileType: number;
}

/** What a whole model may be stored as. The mixes keep the head and half of the values and of `ffn_down` finer. */
export const modelTypes = {
  F32: { base: 'F32', fileType: 0 },
  F16: { base: 'F16', fileType: 1 },
  BF16: { base: 'BF16', fileType: 32 },
  Q8_0: { base: 'Q8_0', fileType: 7 },
  Q6_K: { base: 'Q6_K', fileType: 18 },
  Q5_K: { base: 'Q5_K', fileType: 16 },
  Q5_K_M: { base: 'Q5_K', more: 'Q6_K', fileType: 17 },
  Q5_1: { base: 'Q5_1', fileType: 9 },
  Q5_0: { base: 'Q5_0', fileType: 8 },
  Q4_K: { base: 'Q4_K', fileType: 14 },
  Q4_K_M: { base: 'Q4_K', more: 'Q6_K', fileType: 15 },
  Q4_1: { base: 'Q4_1', fileType: 3 },
  Q4_0: { base: 'Q4_0', fileType: 2 },
  Q3_K: { base: 'Q3_K', fileType: 12 },
  Q2_K: { base: 'Q2_K', fileType: 10 },
} as const satisfies Record<string, ModelType>;

export type ModelTypeName = keyof typeof modelTypes;
export const modelTypeNames = Object.keys(modelTypes) as ModelTypeName[];

const finerFallback: Partial<Record<GgmlType, QuantisedType>> = {
  Q2_K: 'Q4_0',
  Q3_K: 'Q4_0',
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
};
/** Read element by element, in 32-bit floats. */
const alwaysF32 = /_norm\.weight$|^(position_embd|token_types)\.weight$|^rope_/;

/** True for tensors that a change of the model's type concerns: matrices that are multiplied or looked up in. */
export function isMatrix(name: string, shape: readonly number[]): boolean {
  return shape.length >= 2 && name.endsWith('.weight') && !alwaysF32.test(name);
}

/** The type that tensor `name`, of `shape` in ggml order, is stored as in a model of `layers` layers. */
export function storedType(
  model: ModelTypeName,
  name: string,
  shape: readonly number[],
  layers: number,
  tied: boolean,
): QuantisedType {
  if (!isMatrix(name, shape)) return 'F32';
  const { base, more = base }: ModelType = modelTypes[model];
  return fitting(isImportant(name, layers, tied) ? more : base, shape[0] ?? 1);
}

/** `type`, or the next finer one whose blocks divide rows of `length` numbers. */
function fitting(type: QuantisedType, length: number): QuantisedType {
  if (length % ggmlTypes[type].blockElements === 0) return type;
  const finer = finerFallback[type];
  return finer && length % ggmlTypes[finer].blockElements === 0 ? finer : 'F16';
}

function isImportant(name: string, layers: number, tied: boolean): boolean {
  if (name === 'output.weight' || (tied && name === 'token_embd.weight')) return true;
  const block = /^blk\.(\d+)\.(attn_v|ffn_down)\.weight$/.exec(name);
  if (!block) return false;
  const layer = Number(block[1]);
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}
