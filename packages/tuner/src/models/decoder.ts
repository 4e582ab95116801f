/** A decoder's embedding, blocks and last norm (Touvron et al. 2023, arXiv 2302.13971, and its relatives). */
import type { Tape } from '../graph/tape.ts';
import type { Value } from '../graph/value.ts';
import { add, scale } from '../operations/elementwise.ts';
import { type BlockParts, embedding, norm, type SequenceInputs } from './block-parts.ts';
import type { Weights } from './weights.ts';

export function decoderInput(tape: Tape, weights: Weights, inputs: SequenceInputs): Value {
  const x = embedding(tape, weights, inputs);
  return weights.config.traits.scaledEmbedding ? scale(tape, x, Math.sqrt(weights.config.width)) : x;
}

export function decoderBlock(
  tape: Tape,
  { traits, norm, mix, project, feedForward, wanted }: BlockParts,
  x: Value,
): Value {
  const around = traits.normPlaces === 'around';
  const mixed = project('attn_output', wanted(mix(norm('attn_norm', x))));
  const afterAttention = add(tape, wanted(x), around ? norm('post_attention_norm', mixed) : mixed);
  const fed = feedForward(norm('ffn_norm', afterAttention));
  return add(tape, afterAttention, around ? norm('post_ffw_norm', fed) : fed);
}

export function decoderOutput(tape: Tape, weights: Weights, x: Value): Value {
  return norm(tape, weights, 'output_norm', x);
}
