/** How the files of each architecture differ, for tiny models with random weights; names are those of llama.cpp. */
import type { GgufValue } from '../gguf/values.ts';

export type TinyFamily = {
  /** Norms of a block across the residual stream, in the file's order. */
  readonly norms: readonly string[];
  /** Norms have biases. */
  readonly normBiases?: true;
  /** Norms of queries and keys in each head. */
  readonly headNorms?: true;
  readonly fusedQkv?: true;
  /** Phi-3's gate is the first half of `ffn_up`; `none` has no gate. */
  readonly gate?: 'fused' | 'none';
  /** Matrices with biases. */
  readonly biases?: readonly string[];
  readonly learnedPositions?: true;
  /** Bidirectional: a norm after the embedding, none at the end, no output head. */
  readonly encoder?: true;
  readonly tied?: true;
  /** Other defaults than the usual ones. */
  readonly sizes?: { readonly layers?: number; readonly headSize?: number; readonly kvHeads?: number };
  /** Keys under the architecture's name. */
  readonly metadata?: Readonly<Record<string, GgufValue>>;
};

const plainNorms = ['attn_norm', 'ffn_norm'];
const gemmaNorms = [...plainNorms, 'post_attention_norm', 'post_ffw_norm'];
const encoderNorms = ['attn_output_norm', 'layer_output_norm'];
const qkv = ['attn_q', 'attn_k', 'attn_v'];
const whole = (value: number): GgufValue => ({ type: 'UINT32', value });
const real = (value: number): GgufValue => ({ type: 'FLOAT32', value });

/** By `general.architecture`. Windows and caps are small, so that a few tokens feel them. */
export const tinyFamilies = {
  llama: { norms: plainNorms },
  smollm3: { norms: plainNorms, sizes: { layers: 4 } },
  qwen2: { norms: plainNorms, biases: qkv },
  qwen3: { norms: plainNorms, headNorms: true, sizes: { headSize: 24 } },
  gemma2: {
    norms: gemmaNorms,
    tied: true,
    sizes: { headSize: 24 },
    metadata: {
      'attention.sliding_window': whole(4),
      attn_logit_softcapping: real(1.5),
      final_logit_softcapping: real(4),
    },
  },
  gemma3: {
    norms: gemmaNorms,
    headNorms: true,
    tied: true,
    sizes: { headSize: 24, layers: 6 },
    metadata: { 'attention.sliding_window': whole(4), 'rope.freq_base': real(1_000_000) },
  },
  phi3: { norms: plainNorms, fusedQkv: true, gate: 'fused' },
  gpt2: {
    norms: plainNorms,
    normBiases: true,
    fusedQkv: true,
    gate: 'none',
    biases: ['attn_qkv', 'attn_output', 'ffn_up', 'ffn_down'],
    learnedPositions: true,
    sizes: { kvHeads: 4 },
  },
  bert: {
    norms: encoderNorms,
    normBiases: true,
    gate: 'none',
    biases: [...qkv, 'attn_output', 'ffn_up', 'ffn_down'],
    learnedPositions: true,
    encoder: true,
    sizes: { kvHeads: 4 },
  },
  'nomic-bert': {
    norms: encoderNorms,
    normBiases: true,
    fusedQkv: true,
    encoder: true,
    sizes: { kvHeads: 4 },
  },
} as const satisfies Record<string, TinyFamily>;
