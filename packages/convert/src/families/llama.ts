/** Llama 2 and 3, Mistral, SmolLM: GGUF's `llama`. Facts as in llama.cpp's conversion/llama.py. */
import { z } from 'zod';
import { invalidFile } from '../invalid-file.ts';
import { count, epsilon, optional, parseConfig, requireOneOf, ropeConfigSchema } from './config-schema.ts';
import { decoderName, decoderTensors } from './decoder-layout.ts';
import { entries } from './entries.ts';
import type { Family, ModelShape } from './family.ts';
import { addRope, readRope } from './rope.ts';

const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count.max(512),
  num_attention_heads: count,
  num_key_value_heads: optional(count),
  head_dim: optional(count),
  max_position_embeddings: count,
  rms_norm_eps: epsilon,
  hidden_act: optional(z.string()),
  attention_bias: optional(z.boolean()),
  mlp_bias: optional(z.boolean()),
  tie_word_embeddings: optional(z.boolean()),
  ...ropeConfigSchema,
});

export const llama: Family = {
  architecture: 'llama',
  classes: ['LlamaForCausalLM', 'LLaMAForCausalLM', 'MistralForCausalLM', 'LlamaModel', 'MistralModel'],
  tokenizer: 'decoder',
  configure(value, file) {
    const config = parseConfig(schema, value, file);
    requireOneOf(file, 'hidden_act', config.hidden_act ?? 'silu', ['silu', 'swish']);
    const shape = decoderShape(config, file, config.attention_bias ?? false);
    const add = entries('llama');
    addSizes(add, shape, config.rms_norm_eps);
    add.whole('vocab_size', shape.vocabulary);
    add.whole('rope.dimension_count', shape.headSize);
    if (config.head_dim !== undefined) addHeadSize(add, shape.headSize);
    const made = addRope(add, readRope(config, 10_000), shape.headSize, file);
    return { shape, metadata: add.list, made };
  },
  tensors: (shape) => decoderTensors(shape, { interleaved: true }),
  normalise: decoderName,
  ignored: /\.rotary_emb\.inv_freq$/,
  modulePrefix: '',
};

/** The shape that Llama's, Qwen's and Gemma's fields of config.json describe; `attentionBias` is for q, k, v and the output. */
export function decoderShape(
  config: {
    vocab_size: number;
    hidden_size: number;
    intermediate_size: number;
    num_hidden_layers: number;
    num_attention_heads: number;
    num_key_value_heads?: number | undefined;
    head_dim?: number | undefined;
    max_position_embeddings: number;
    mlp_bias?: boolean | undefined;
    tie_word_embeddings?: boolean | undefined;
  },
  file: string,
  attentionBias: boolean,
): ModelShape {
  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads ?? heads;
  const headSize = config.head_dim ?? config.hidden_size / heads;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0 || heads % kvHeads !== 0)
    throw invalidFile(
      file,
      `${heads} heads, ${kvHeads} of keys, do not go with a hidden_size of ${config.hidden_size}`,
    );
  return {
    layers: config.num_hidden_layers,
    width: config.hidden_size,
    heads,
    kvHeads,
    headSize,
    feedForward: config.intermediate_size,
    vocabulary: config.vocab_size,
    context: config.max_position_embeddings,
    tied: config.tie_word_embeddings ?? false,
    biases: { qkv: attentionBias, output: attentionBias, feedForward: config.mlp_bias ?? false },
    tokenTypes: 0,
  };
}

/** Keys that every decoder with RMS norms has. */
export function addSizes(add: ReturnType<typeof entries>, shape: ModelShape, rmsEpsilon: number): void {
  add.whole('block_count', shape.layers);
  add.whole('context_length', shape.context);
  add.whole('embedding_length', shape.width);
  add.whole('feed_forward_length', shape.feedForward);
  add.whole('attention.head_count', shape.heads);
  add.whole('attention.head_count_kv', shape.kvHeads);
  add.real('attention.layer_norm_rms_epsilon', rmsEpsilon);
}

export function addHeadSize(add: ReturnType<typeof entries>, headSize: number): void {
  add.whole('attention.key_length', headSize);
  add.whole('attention.value_length', headSize);
}
