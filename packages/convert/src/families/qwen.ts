/** Qwen 2 and 3. Facts as in llama.cpp's conversion/qwen.py. */
import { z } from 'zod';
import { count, epsilon, optional, parseConfig, requireOneOf, ropeConfigSchema } from './config-schema.ts';
import { decoderName, decoderTensors } from './decoder-layout.ts';
import { entries } from './entries.ts';
import type { Family } from './family.ts';
import { addHeadSize, addSizes, decoderShape } from './llama.ts';
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
  use_sliding_window: optional(z.boolean()),
  tie_word_embeddings: optional(z.boolean()),
  ...ropeConfigSchema,
});

function family(architecture: 'qwen2' | 'qwen3', classes: readonly string[]): Family {
  const third = architecture === 'qwen3';
  return {
    architecture,
    classes,
    tokenizer: 'decoder',
    configure(value, file) {
      const config = parseConfig(schema, value, file);
      requireOneOf(file, 'hidden_act', config.hidden_act ?? 'silu', ['silu', 'swish']);
      // libllama gives these architectures full attention everywhere.
      requireOneOf(file, 'use_sliding_window', config.use_sliding_window ?? false, [false]);
      const headSize = config.head_dim ?? (third ? 128 : undefined);
      const shape = decoderShape({ ...config, head_dim: headSize }, file, false);
      if (third) requireOneOf(file, 'attention_bias', config.attention_bias ?? false, [false]);
      else shape.biases.qkv = true;
      const add = entries(architecture);
      addSizes(add, shape, config.rms_norm_eps);
      if (headSize !== undefined) addHeadSize(add, shape.headSize);
      const made = addRope(add, readRope(config, 10_000), shape.headSize, file);
      return { shape, metadata: add.list, made };
    },
    tensors: (shape) => decoderTensors(shape, { headNorms: third }),
    normalise: decoderName,
    ignored: /\.rotary_emb\.inv_freq$/,
    modulePrefix: '',
  };
}

export const qwen2 = family('qwen2', ['Qwen2ForCausalLM', 'Qwen2Model']);
export const qwen3 = family('qwen3', ['Qwen3ForCausalLM', 'Qwen3Model']);
