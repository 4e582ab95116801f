/** Control tokens, first in the vocabulary: their ids are their places here. */
export const specialTokens = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|fim_prefix|>',
  '<|fim_suffix|>',
  '<|fim_middle|>',
] as const;

export type SpecialToken = (typeof specialTokens)[number];

export function specialTokenId(token: SpecialToken): number {
  return specialTokens.indexOf(token);
}
