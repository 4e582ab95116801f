/** The forward pass of a Llama-architecture model (Touvron et al. 2023, arXiv 2302.13971) on a tape. */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import type { Value } from '../graph/value.ts';
import { attention } from '../operations/attention.ts';
import { add, addBias, swiglu } from '../operations/elementwise.ts';
import { adaptedLinear } from '../operations/dora.ts';
import type { LowRank } from '../operations/linear.ts';
import { rmsNorm } from '../operations/rms-norm.ts';
import { rope, type Rope } from '../operations/rope.ts';
import { gatherRows } from '../operations/rows.ts';
import type { Weights } from './weights.ts';

export type SequenceInputs = {
  /** Positions in a bin, and bins in the micro-batch. */
  readonly length: number;
  readonly bins: number;
  /** I32 [length * bins] */
  readonly tokens: Tensor;
  /** I32 [length * bins] */
  readonly positions: Tensor;
  /** F32 [length, length, 1, bins]: 0 where a query (second index) may see a key (first), -infinity elsewhere. */
  readonly mask: Tensor;
  /** I32 [count]: the rows whose next token is wanted. Only they pass through the last layer's feed-forward part. */
  readonly wanted: Tensor;
  readonly wantedCount: number;
  /** Added to the embedding, [width, length * bins]; absent: nothing is. */
  readonly noise?: Value;
  /** Draws the dropout mask of a low-rank input of that shape; absent when nothing is dropped. */
  readonly dropout?: (shape: readonly number[]) => Value;
};

export type ForwardOptions = {
  /** Forget each layer's intermediate values and compute them again on the way back (Chen et al. 2016, arXiv 1604.06174). */
  readonly recompute: boolean;
};

/** Hidden state before the output head of each wanted row: [width, wantedCount]. */
export function llamaHidden(tape: Tape, weights: Weights, inputs: SequenceInputs, options: ForwardOptions): Value {
  const { config } = weights;
  const rows = inputs.length * inputs.bins;
  const embedded = gatherRows(tape, weights.get('token_embd.weight'), inputs.tokens, rows, 'embedding');
  let x = inputs.noise ? add(tape, embedded, inputs.noise) : embedded;
  for (let index = 0; index < config.layers; index++) {
    const last = index === config.layers - 1;
    const build = blockBuilder(tape, weights, inputs, index, last);
    x = options.recompute ? recomputed(tape, weights, index, x, build) : build(x);
  }
  return rmsNorm(tape, x, weights.get('output_norm.weight'), config.normEpsilon);
}

/** The weight matrix of the output head, [width, vocabulary]. */
export function outputHead(weights: Weights): Value {
  return weights.find('output.weight') ?? weights.get('token_embd.weight');
}

/** Matrices that read the same input share its dropout mask. */
const sharedInput: Record<string, string> = { attn_k: 'attn_q', attn_v: 'attn_q', ffn_up: 'ffn_gate' };

function blockBuilder(
  tape: Tape,
  weights: Weights,
  inputs: SequenceInputs,
  index: number,
  last: boolean,
): (x: Value) => Value {
  const { config } = weights;
  const turn: Rope = {
    positions: inputs.positions,
    factors: weights.find('rope_freqs.weight')?.tensor ?? null,
    dimensions: config.ropeDimensions,
    mode: 0,
    originalContext: config.context,
    base: config.ropeBase,
    frequencyScale: config.ropeFrequencyScale,
    extensionFactor: 0,
    attentionFactor: 1,
    betaFast: 32,
    betaSlow: 1,
  };
  // Kept outside, so that a recomputed forward drops the same numbers.
  const masks = new Map<string, Value>();
  return (x) => {
    const project = (part: string, input: Value): Value => {
      const name = `blk.${index}.${part}.weight`;
      const y = adaptedLinear(tape, weights.get(name), input, dropped(weights.lowRank(name), part, input));
      const bias = weights.find(`blk.${index}.${part}.bias`);
      return bias ? addBias(tape, y, bias) : y;
    };
    const dropped = (lowRank: LowRank | undefined, part: string, input: Value): LowRank | undefined => {
      if (!lowRank || !inputs.dropout) return lowRank;
      const source = sharedInput[part] ?? part;
      let mask = masks.get(source);
      if (!mask) masks.set(source, (mask = inputs.dropout(input.shape)));
      return { ...lowRank, dropoutMask: mask };
    };
    const norm = rmsNorm(tape, x, weights.get(`blk.${index}.attn_norm.weight`), config.normEpsilon);
    const q = rope(tape, project('attn_q', norm), config.headSize, turn);
    const k = rope(tape, project('attn_k', norm), config.headSize, turn);
    const v = project('attn_v', norm);
    const mixed = attention(tape, q, k, v, inputs.mask, {
      headSize: config.headSize,
      heads: config.heads,
      kvHeads: config.kvHeads,
      length: inputs.length,
      bins: inputs.bins,
    });
    // After the last attention no row looks at another, so rows that predict nothing need go no further.
    const only = (value: Value): Value =>
      last ? gatherRows(tape, value, inputs.wanted, inputs.wantedCount, `wanted(${value.name})`) : value;
    const afterAttention = add(tape, only(x), project('attn_output', only(mixed)));
    const normed = rmsNorm(tape, afterAttention, weights.get(`blk.${index}.ffn_norm.weight`), config.normEpsilon);
    const gated = swiglu(tape, project('ffn_gate', normed), project('ffn_up', normed));
    return add(tape, afterAttention, project('ffn_down', gated));
  };
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
