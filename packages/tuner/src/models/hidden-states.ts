/** From tokens to the hidden states after a model's last norm, for every architecture that `architectures.ts` describes. */
import type { Tape } from '../graph/tape.ts';
import type { Value } from '../graph/value.ts';
import type { OutputHead } from '../operations/cross-entropy.ts';
import { blockParts, type BlockParts, type SequenceInputs } from './block-parts.ts';
import { decoderBlock, decoderInput, decoderOutput } from './decoder.ts';
import { encoderBlock, encoderInput } from './encoder.ts';
import type { Weights } from './weights.ts';

export type ForwardOptions = {
  /** Forget each layer's intermediate values and compute them again on the way back (Chen et al. 2016, arXiv 1604.06174). */
  readonly recompute: boolean;
};

/** Hidden state of each wanted row: [width, wantedCount]. */
export function hiddenStates(tape: Tape, weights: Weights, inputs: SequenceInputs, options: ForwardOptions): Value {
  if (weights.config.traits.kind === 'encoder')
    return throughBlocks(tape, weights, inputs, options, encoderInput(tape, weights, inputs), encoderBlock);
  const x = throughBlocks(tape, weights, inputs, options, decoderInput(tape, weights, inputs), decoderBlock);
  return decoderOutput(tape, weights, x);
}

/** What turns a decoder's hidden states into logits. */
export function outputHead(weights: Weights): OutputHead {
  return {
    weight: weights.find('output.weight') ?? weights.get('token_embd.weight'),
    lowRank: weights.lowRank('output.weight'),
    cap: weights.config.logitCap,
  };
}

function throughBlocks(
  tape: Tape,
  weights: Weights,
  inputs: SequenceInputs,
  { recompute }: ForwardOptions,
  start: Value,
  block: (tape: Tape, parts: BlockParts, x: Value) => Value,
): Value {
  let x = start;
  for (let index = 0; index < weights.config.layers; index++) {
    const parts = blockParts(tape, weights, inputs, index);
    const build = (input: Value): Value => block(tape, parts, input);
    x = recompute ? recomputed(tape, weights, index, x, build) : build(x);
  }
  return x;
}

function recomputed(tape: Tape, weights: Weights, index: number, x: Value, build: (x: Value) => Value): Value {
  const forward = tape.detach(() => build(x)).result;
  const parameters = weights.parameters
    .filter(({ name }) => name.startsWith(`blk.${index}.`))
    .map(({ value }) => value);
  return tape.record(`block ${index}`, forward.tensor, forward.shape, [x, ...parameters], (dy) => {
    const again: Value = { name: x.name, tensor: x.tensor, shape: x.shape, needsGradient: x.needsGradient };
    const { result, replay } = tape.detach(() => build(again));
    tape.accumulate(result, dy, false);
    replay();
    if (again.gradient !== undefined) tape.accumulate(x, again.gradient, again.ownsGradient ?? false);
  });
}
