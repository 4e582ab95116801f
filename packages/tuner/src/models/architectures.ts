/**
 * What sets the trained families apart, as data: the forward passes follow these descriptions and know no family by name.
 * Names and facts are those of llama.cpp's files in src/models, because the result is served by it.
 */

/** A matrix of a block; `qkv` are queries, keys and values in one, and `up` holds the gate as well where `fusedGate` says so. */
export type BlockMatrix =
  | 'attn_q'
  | 'attn_k'
  | 'attn_v'
  | 'attn_qkv'
  | 'attn_output'
  | 'ffn_gate'
  | 'ffn_up'
  | 'ffn_down';

export type Architecture = {
  /** A decoder predicts the next token; an encoder looks both ways and ends in hidden states. */
  readonly kind: 'decoder' | 'encoder';
  /** `layer` norms have biases. */
  readonly norm: 'rms' | 'layer';
  /** Norms before each part of a block, after it and before the sum, or after the sum. */
  readonly normPlaces: 'before' | 'around' | 'after';
  /** Queries and keys are normed in each head before they are rotated. */
  readonly headNorms?: true;
  /** Rotations of adjacent pairs or of halves, or an embedding that is learnt for each position. */
  readonly positions: 'pairs' | 'halves' | 'learned';
  readonly activation: 'swiglu' | 'geglu' | 'gelu';
  /** The gate is the first half of `ffn_up`. */
  readonly fusedGate?: true;
  /** Whether queries, keys and values come in one matrix; `either` is what the file says. */
  readonly qkv: 'separate' | 'fused' | 'either';
  /** Biases that the file must have, and those that it may have. */
  readonly biases?: { readonly required?: readonly BlockMatrix[]; readonly optional?: readonly BlockMatrix[] };
  /** Embeddings are multiplied by the root of the width. */
  readonly scaledEmbedding?: true;
  /** Heads may be wider or narrower than an equal share of the residual stream. */
  readonly ownHeadSize?: true;
  /** A part of each head may stay unrotated. */
  readonly partialRotation?: true;
  /** Every n-th layer goes without rotation. */
  readonly unrotatedEvery?: number;
  /** Depth of the one size whose scores are scaled by the residual width per head instead of by the head size. */
  readonly scaleByWidthAt?: number;
  /** Every n-th layer sees everything and the others a window; a family whose window llama.cpp ignores has none. */
  readonly windows?: {
    readonly fullEvery: number;
    /** Window where the file has none; absent: then no layer has one. */
    readonly size?: number;
    /** Rotation base of windowed layers where the file has none; absent: that of the others. */
    readonly ropeBase?: number;
  };
  /** Attention scores are capped, with this cap where the file has none. */
  readonly scoreCap?: number;
  /** Output logits are capped: the file's own cap, else this one; 0 is none. */
  readonly logitCap?: number;
  /** Never an output head of its own. */
  readonly alwaysTied?: true;
  /** Divisors of rotation frequencies that the file may bring: a long and a short list, or one list unless it scales by longrope. */
  readonly ropeFactors?: 'longrope' | 'by-scaling';
};

/** What most decoders since Llama have in common. */
const common = {
  kind: 'decoder',
  norm: 'rms',
  normPlaces: 'before',
  activation: 'swiglu',
  qkv: 'either',
} as const;

const queryBiases = ['attn_q', 'attn_k', 'attn_v', 'attn_qkv'] as const;

const gemma = {
  kind: 'decoder',
  norm: 'rms',
  normPlaces: 'around',
  positions: 'halves',
  activation: 'geglu',
  qkv: 'either',
  scaledEmbedding: true,
  ownHeadSize: true,
  partialRotation: true,
} as const;

const encoder = { kind: 'encoder', norm: 'layer', normPlaces: 'after', qkv: 'either' } as const;

/** By `general.architecture`. */
export const architectures: Readonly<Record<string, Architecture>> = {
  llama: {
    ...common,
    positions: 'pairs',
    biases: { optional: [...queryBiases, 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'] },
    ownHeadSize: true,
    ropeFactors: 'by-scaling',
  },
  smollm3: { ...common, positions: 'pairs', biases: { optional: queryBiases }, ownHeadSize: true, unrotatedEvery: 4 },
  qwen2: { ...common, positions: 'halves', biases: { optional: queryBiases } },
  qwen3: { ...common, positions: 'halves', biases: { optional: queryBiases }, ownHeadSize: true, headNorms: true },
  gemma2: {
    ...gemma,
    scaleByWidthAt: 46,
    windows: { fullEvery: 2, size: 4096 },
    scoreCap: 50,
    logitCap: 30,
    alwaysTied: true,
  },
  gemma3: {
    ...gemma,
    headNorms: true,
    scaleByWidthAt: 62,
    windows: { fullEvery: 6, ropeBase: 10_000 },
    logitCap: 0,
  },
  phi3: {
    ...common,
    positions: 'halves',
    fusedGate: true,
    partialRotation: true,
    biases: { optional: queryBiases },
    ropeFactors: 'longrope',
  },
  gpt2: {
    kind: 'decoder',
    norm: 'layer',
    normPlaces: 'before',
    positions: 'learned',
    activation: 'gelu',
    qkv: 'fused',
    biases: { required: ['attn_qkv', 'attn_output', 'ffn_up', 'ffn_down'] },
  },
  bert: {
    ...encoder,
    positions: 'learned',
    activation: 'gelu',
    biases: { optional: [...queryBiases, 'attn_output', 'ffn_up', 'ffn_down'] },
  },
  'nomic-bert': {
    ...encoder,
    positions: 'halves',
    activation: 'swiglu',
    partialRotation: true,
    biases: { optional: [...queryBiases, 'attn_output'] },
  },
};
