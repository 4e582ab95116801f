/** GPT-2. Facts as in llama.cpp's conversion/gpt2.py. */
import { z } from 'zod';
import { invalidFile } from '../invalid-file.ts';
import { count, epsilon, optional, parseConfig, requireOneOf } from './config-schema.ts';
import { entries } from './entries.ts';
import type { Change, Family, TensorRule } from './family.ts';

const schema = z.looseObject({
  vocab_size: count,
  n_positions: optional(count),
  n_ctx: optional(count),
  n_embd: count,
  n_layer: count.max(512),
  n_head: count,
  n_inner: optional(count),
  layer_norm_epsilon: epsilon,
  activation_function: optional(z.string()),
  scale_attn_by_inverse_layer_idx: optional(z.boolean()),
  scale_attn_weights: optional(z.boolean()),
  tie_word_embeddings: optional(z.boolean()),
});

export const gpt2: Family = {
  architecture: 'gpt2',
  classes: ['GPT2LMHeadModel', 'GPT2Model'],
  tokenizer: 'decoder',
  configure(value, file) {
    const config = parseConfig(schema, value, file);
    requireOneOf(file, 'activation_function', config.activation_function ?? 'gelu_new', [
      'gelu_new',
      'gelu_pytorch_tanh',
    ]);
    requireOneOf(file, 'scale_attn_by_inverse_layer_idx', config.scale_attn_by_inverse_layer_idx ?? false, [false]);
    requireOneOf(file, 'scale_attn_weights', config.scale_attn_weights ?? true, [true]);
    const context = config.n_positions ?? config.n_ctx;
    if (context === undefined) throw invalidFile(file, 'it has neither n_positions nor n_ctx');
    const headSize = config.n_embd / config.n_head;
    if (!Number.isInteger(headSize))
      throw invalidFile(file, `${config.n_head} heads do not divide an n_embd of ${config.n_embd}`);
    const shape = {
      layers: config.n_layer,
      width: config.n_embd,
      heads: config.n_head,
      kvHeads: config.n_head,
      headSize,
      feedForward: config.n_inner ?? 4 * config.n_embd,
      vocabulary: config.vocab_size,
      context,
      tied: config.tie_word_embeddings ?? true,
      biases: { qkv: true, output: true, feedForward: true },
      tokenTypes: 0,
    };
    const add = entries('gpt2');
    add.whole('block_count', shape.layers);
    add.whole('context_length', context);
    add.whole('embedding_length', shape.width);
    add.whole('feed_forward_length', shape.feedForward);
    add.whole('attention.head_count', shape.heads);
    add.real('attention.layer_norm_epsilon', config.layer_norm_epsilon);
    return { shape, metadata: add.list, made: [] };
  },
  tensors(shape) {
    const { width, feedForward, vocabulary, context } = shape;
    const rules: TensorRule[] = [
      { name: 'token_embd.weight', source: 'wte.weight', shape: [vocabulary, width] },
      { name: 'position_embd.weight', source: 'wpe.weight', shape: [context, width] },
    ];
    const both = (name: string, source: string, weight: readonly number[], bias: number, change?: Change): void => {
      rules.push({ name: `${name}.weight`, source: `${source}.weight`, shape: weight, ...(change ? { change } : {}) });
      rules.push({ name: `${name}.bias`, source: `${source}.bias`, shape: [bias] });
    };
    both('output_norm', 'ln_f', [width], width);
    if (!shape.tied) rules.push({ name: 'output.weight', source: 'lm_head.weight', shape: [vocabulary, width] });
    const turned: Change = { kind: 'transpose' };
    for (let layer = 0; layer < shape.layers; layer++) {
      const [to, from] = [`blk.${layer}`, `h.${layer}`];
      both(`${to}.attn_norm`, `${from}.ln_1`, [width], width);
      both(`${to}.attn_qkv`, `${from}.attn.c_attn`, [width, 3 * width], 3 * width, turned);
      both(`${to}.attn_output`, `${from}.attn.c_proj`, [width, width], width, turned);
      both(`${to}.ffn_norm`, `${from}.ln_2`, [width], width);
      both(`${to}.ffn_up`, `${from}.mlp.c_fc`, [width, feedForward], feedForward, turned);
      both(`${to}.ffn_down`, `${from}.mlp.c_proj`, [feedForward, width], width, turned);
    }
    return rules;
  },
  normalise: (name) => name.replace(/^transformer\./, ''),
  // Masks of old checkpoints.
  ignored: /\.attn\.(bias|masked_bias)$/,
  modulePrefix: 'transformer.',
};
