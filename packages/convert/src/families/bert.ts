/** BERT-like encoders. Facts as in llama.cpp's conversion/bert.py. */
import { z } from 'zod';
import { invalidFile } from '../invalid-file.ts';
import { count, epsilon, optional, parseConfig, requireOneOf } from './config-schema.ts';
import { entries } from './entries.ts';
import type { Family, TensorRule } from './family.ts';

const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count.max(512),
  num_attention_heads: count,
  max_position_embeddings: count,
  type_vocab_size: count,
  layer_norm_eps: epsilon,
  hidden_act: optional(z.string()),
  position_embedding_type: optional(z.string()),
});

export const bert: Family = {
  architecture: 'bert',
  classes: ['BertModel', 'BertForMaskedLM'],
  tokenizer: 'encoder',
  configure(value, file) {
    const config = parseConfig(schema, value, file);
    requireOneOf(file, 'hidden_act', config.hidden_act ?? 'gelu', ['gelu', 'gelu_new', 'gelu_pytorch_tanh']);
    requireOneOf(file, 'position_embedding_type', config.position_embedding_type ?? 'absolute', ['absolute']);
    const headSize = config.hidden_size / config.num_attention_heads;
    if (!Number.isInteger(headSize))
      throw invalidFile(
        file,
        `${config.num_attention_heads} heads do not divide a hidden_size of ${config.hidden_size}`,
      );
    const shape = {
      layers: config.num_hidden_layers,
      width: config.hidden_size,
      heads: config.num_attention_heads,
      kvHeads: config.num_attention_heads,
      headSize,
      feedForward: config.intermediate_size,
      vocabulary: config.vocab_size,
      context: config.max_position_embeddings,
      tied: true,
      biases: { qkv: true, output: true, feedForward: true },
      tokenTypes: config.type_vocab_size,
    };
    const add = entries('bert');
    add.whole('block_count', shape.layers);
    add.whole('context_length', shape.context);
    add.whole('embedding_length', shape.width);
    add.whole('feed_forward_length', shape.feedForward);
    add.whole('attention.head_count', shape.heads);
    add.real('attention.layer_norm_epsilon', config.layer_norm_eps);
    add.flag('attention.causal', false);
    const tokenTypes = ['tokenizer.ggml.token_type_count', { type: 'UINT32', value: shape.tokenTypes }] as const;
    return { shape, metadata: [...add.list, tokenTypes], made: [] };
  },
  tensors(shape) {
    const { width, feedForward } = shape;
    const rules: TensorRule[] = [
      { name: 'token_embd.weight', source: 'embeddings.word_embeddings.weight', shape: [shape.vocabulary, width] },
      { name: 'position_embd.weight', source: 'embeddings.position_embeddings.weight', shape: [shape.context, width] },
      {
        name: 'token_types.weight',
        source: 'embeddings.token_type_embeddings.weight',
        shape: [shape.tokenTypes, width],
      },
    ];
    const both = (name: string, source: string, weight: readonly number[]): void => {
      rules.push({ name: `${name}.weight`, source: `${source}.weight`, shape: weight });
      rules.push({ name: `${name}.bias`, source: `${source}.bias`, shape: [weight[0] ?? 0] });
    };
    both('token_embd_norm', 'embeddings.LayerNorm', [width]);
    for (let layer = 0; layer < shape.layers; layer++) {
      const [to, from] = [`blk.${layer}`, `encoder.layer.${layer}`];
      both(`${to}.attn_q`, `${from}.attention.self.query`, [width, width]);
      both(`${to}.attn_k`, `${from}.attention.self.key`, [width, width]);
      both(`${to}.attn_v`, `${from}.attention.self.value`, [width, width]);
      both(`${to}.attn_output`, `${from}.attention.output.dense`, [width, width]);
      both(`${to}.attn_output_norm`, `${from}.attention.output.LayerNorm`, [width]);
      both(`${to}.ffn_up`, `${from}.intermediate.dense`, [feedForward, width]);
      both(`${to}.ffn_down`, `${from}.output.dense`, [width, feedForward]);
      both(`${to}.layer_output_norm`, `${from}.output.LayerNorm`, [width]);
    }
    return rules;
  },
  // Checkpoints that TensorFlow wrote have its names for a norm's weights.
  normalise: (name) =>
    name
      .replace(/^bert\./, '')
      .replace(/\.gamma$/, '.weight')
      .replace(/\.beta$/, '.bias'),
  // Embeddings are pooled outside the model; the heads of pre-training are not used.
  ignored: /^(embeddings\.position_ids$|pooler\.|cls\.)/,
  modulePrefix: '',
};
