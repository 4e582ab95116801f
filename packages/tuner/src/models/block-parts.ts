/** What blocks are made of: embeddings, norms, projections with their biases and low-rank additions, attention, feed-forward. */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import type { Value } from '../graph/value.ts';
import { attention } from '../operations/attention.ts';
import { adaptedLinear } from '../operations/dora.ts';
import { add, addBias, swiglu } from '../operations/elementwise.ts';
import { geglu, gelu } from '../operations/gelu.ts';
import { layerNorm } from '../operations/layer-norm.ts';
import { reshape, splitColumns } from '../operations/layout.ts';
import type { LowRank } from '../operations/linear.ts';
import { rmsNorm } from '../operations/rms-norm.ts';
import { rope, type Rope } from '../operations/rope.ts';
import { gatherRows } from '../operations/rows.ts';
import type { Architecture, BlockMatrix } from './architectures.ts';
import type { RopeSettings } from './rope-settings.ts';
import type { Weights } from './weights.ts';

export type SequenceInputs = {
  /** Positions in a bin, and bins in the micro-batch. */
  readonly length: number;
  readonly bins: number;
  /** I32 [length * bins] */
  readonly tokens: Tensor;
  /** I32 [length * bins] */
  readonly positions: Tensor;
  /** For each of the model's mask rules F32 [length, length, 1, bins]: 0 where a query (second index) may see a key (first), -infinity elsewhere. */
  readonly masks: readonly Tensor[];
  /** I32 [count]: the rows whose hidden state is wanted. Only they pass through the last layer's feed-forward part. */
  readonly wanted: Tensor;
  readonly wantedCount: number;
  /** Added to the tokens' embeddings, [width, length * bins]; absent: nothing is. */
  readonly noise?: Value;
  /** Draws the dropout mask of a low-rank input of that shape; absent when nothing is dropped. */
  readonly dropout?: (shape: readonly number[]) => Value;
};

export type BlockParts = {
  readonly traits: Architecture;
  /** The block's norm of that name. */
  norm(part: string, x: Value): Value;
  /** A matrix of the block, its low-rank addition and its bias applied to x. */
  project(part: BlockMatrix, x: Value): Value;
  /** Attention up to its output projection. */
  mix(x: Value): Value;
  feedForward(x: Value): Value;
  /** In the last block the wanted rows of x, elsewhere x: after the last attention no row looks at another, so the others need go no further. */
  wanted(x: Value): Value;
};

/** Matrices that read the same input share its dropout mask. */
const sharedInput: Partial<Record<BlockMatrix, BlockMatrix>> = {
  attn_k: 'attn_q',
  attn_v: 'attn_q',
  ffn_up: 'ffn_gate',
};

export function blockParts(tape: Tape, weights: Weights, inputs: SequenceInputs, index: number): BlockParts {
  const { config } = weights;
  const { traits, heads, kvHeads, headSize } = config;
  const rule = config.layerRules[index]!;
  // Kept outside of the forward pass, so that a recomputed one drops the same numbers.
  const masks = new Map<string, Value>();
  const dropped = (lowRank: LowRank | undefined, part: BlockMatrix, input: Value): LowRank | undefined => {
    if (!lowRank || !inputs.dropout) return lowRank;
    const source = sharedInput[part] ?? part;
    let mask = masks.get(source);
    if (!mask) masks.set(source, (mask = inputs.dropout(input.shape)));
    return { ...lowRank, dropoutMask: mask };
  };

  function project(part: BlockMatrix, x: Value): Value {
    const name = `blk.${index}.${part}.weight`;
    const y = adaptedLinear(tape, weights.get(name), x, dropped(weights.lowRank(name), part, x));
    const bias = weights.find(`blk.${index}.${part}.bias`);
    return bias ? addBias(tape, y, bias) : y;
  }

  function queriesKeysValues(x: Value): readonly [Value, Value, Value] {
    if (!weights.find(`blk.${index}.attn_qkv.weight`))
      return [project('attn_q', x), project('attn_k', x), project('attn_v', x)];
    const key = kvHeads * headSize;
    return splitColumns(tape, project('attn_qkv', x), [heads * headSize, key, key]) as [Value, Value, Value];
  }

  /** Norms each head where the family does, and rotates it where the layer does. */
  function placed(x: Value, part: string): Value {
    let y = x;
    const [width = 0, rows = 0] = x.shape;
    if (traits.headNorms) {
      const each = reshape(tape, x, [headSize, (width / headSize) * rows]);
      y = reshape(tape, norm(tape, weights, `blk.${index}.${part}_norm`, each, 'rms'), x.shape);
    }
    return rule.rope ? rope(tape, y, headSize, turn(weights, inputs, rule.rope)) : y;
  }

  function mix(x: Value): Value {
    const [q, k, v] = queriesKeysValues(x);
    return attention(tape, placed(q, 'attn_q'), placed(k, 'attn_k'), v, inputs.masks[rule.mask]!, {
      headSize,
      heads,
      kvHeads,
      length: inputs.length,
      bins: inputs.bins,
      scale: config.attentionScale,
      scoreCap: config.scoreCap,
    });
  }

  function feedForward(x: Value): Value {
    const gated = traits.activation === 'swiglu' ? swiglu : geglu;
    if (traits.activation === 'gelu') return project('ffn_down', gelu(tape, project('ffn_up', x)));
    const [gate, up] = traits.fusedGate
      ? (splitColumns(tape, project('ffn_up', x), [config.feedForward, config.feedForward]) as [Value, Value])
      : [project('ffn_gate', x), project('ffn_up', x)];
    return project('ffn_down', gated(tape, gate, up));
  }

  return {
    traits,
    norm: (part, x) => norm(tape, weights, `blk.${index}.${part}`, x),
    project,
    mix,
    feedForward,
    wanted: (x) =>
      index === config.layers - 1 ? gatherRows(tape, x, inputs.wanted, inputs.wantedCount, `wanted(${x.name})`) : x,
  };
}

/** Embeddings of the tokens, and of their positions where the model learns those. */
export function embedding(tape: Tape, weights: Weights, inputs: SequenceInputs): Value {
  const rows = inputs.length * inputs.bins;
  const tokens = gatherRows(tape, weights.get('token_embd.weight'), inputs.tokens, rows, 'embedding');
  const x = inputs.noise ? add(tape, tokens, inputs.noise) : tokens;
  const places = weights.find('position_embd.weight');
  return places ? add(tape, x, gatherRows(tape, places, inputs.positions, rows, 'positions')) : x;
}

export function norm(
  tape: Tape,
  weights: Weights,
  name: string,
  x: Value,
  kind: Architecture['norm'] = weights.config.traits.norm,
): Value {
  const weight = weights.get(`${name}.weight`);
  const { normEpsilon } = weights.config;
  return kind === 'rms'
    ? rmsNorm(tape, x, weight, normEpsilon)
    : layerNorm(tape, x, weight, weights.get(`${name}.bias`), normEpsilon);
}

/**
 * Longrope's factors are those of long contexts where the file's context is longer than the one it was first trained with,
 * whatever the length of the rows: llama.cpp chooses by the context that it is started with, for short texts as well.
 */
function turn(weights: Weights, { positions }: SequenceInputs, settings: RopeSettings): Rope {
  const list = weights.config.context > settings.originalContext ? 'long' : 'short';
  const factors = weights.find('rope_freqs.weight') ?? weights.find(`rope_factors_${list}.weight`);
  return { ...settings, positions, factors: factors?.tensor ?? null, betaFast: 32, betaSlow: 1 };
}
