/** An encoder's embedding and blocks (Devlin et al. 2019, arXiv 1810.04805): norms come after the sums. */
import type { Tape } from '../graph/tape.ts';
import type { Value } from '../graph/value.ts';
import { add, addBias } from '../operations/elementwise.ts';
import { firstRow } from '../operations/rows.ts';
import { type BlockParts, embedding, norm, type SequenceInputs } from './block-parts.ts';
import type { Weights } from './weights.ts';

/** Every token is of the first type, as llama.cpp has it: one text at a time. */
export function encoderInput(tape: Tape, weights: Weights, inputs: SequenceInputs): Value {
  const x = embedding(tape, weights, inputs);
  const types = weights.find('token_types.weight');
  return norm(tape, weights, 'token_embd_norm', types ? addBias(tape, x, firstRow(tape, types)) : x);
}

export function encoderBlock(tape: Tape, { norm, mix, project, feedForward, wanted }: BlockParts, x: Value): Value {
  const mixed = project('attn_output', wanted(mix(x)));
  const afterAttention = norm('attn_output_norm', add(tape, wanted(x), mixed));
  return norm('layer_output_norm', add(tape, afterAttention, feedForward(afterAttention)));
}
