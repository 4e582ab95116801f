/** Phi-3 and 4 (text). Facts as in llama.cpp's conversion/phi.py. */
import { z } from 'zod';
import { invalidFile } from '../invalid-file.ts';
import { count, epsilon, optional, parseConfig, requireOneOf, ropeConfigSchema } from './config-schema.ts';
import { decoderName, decoderTensors } from './decoder-layout.ts';
import { entries } from './entries.ts';
import type { Family, MadeTensor } from './family.ts';
import { addSizes, decoderShape } from './llama.ts';
import { addRope, readRope, type Rope } from './rope.ts';

const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count.max(512),
  num_attention_heads: count,
  num_key_value_heads: optional(count),
  max_position_embeddings: count,
  rms_norm_eps: epsilon,
  hidden_act: optional(z.string()),
  attention_bias: optional(z.boolean()),
  sliding_window: optional(count),
  tie_word_embeddings: optional(z.boolean()),
  ...ropeConfigSchema,
});

export const phi3: Family = {
  architecture: 'phi3',
  classes: ['Phi3ForCausalLM'],
  tokenizer: 'decoder',
  configure(value, file) {
    const config = parseConfig(schema, value, file);
    requireOneOf(file, 'hidden_act', config.hidden_act ?? 'silu', ['silu', 'swish']);
    requireOneOf(file, 'attention_bias', config.attention_bias ?? false, [false]);
    const shape = decoderShape(config, file, false);
    const rope = readRope(config, 10_000);
    const dimensions = Math.trunc(rope.partial * shape.headSize);
    const add = entries('phi3');
    addSizes(add, shape, config.rms_norm_eps);
    add.whole('rope.dimension_count', dimensions);
    add.whole('rope.scaling.original_context_length', rope.fields.original_max_position_embeddings ?? shape.context);
    add.whole('attention.sliding_window', config.sliding_window ?? 0);
    const made =
      rope.kind === 'longrope'
        ? addLongRope(add, rope, dimensions, shape.context, file)
        : addRope(add, rope, dimensions, file);
    return { shape, metadata: add.list, made };
  },
  tensors: (shape) => decoderTensors(shape, { fused: true }),
  normalise: decoderName,
  ignored: /\.rotary_emb\.inv_freq$/,
  modulePrefix: '',
};

/** Factors for short and long contexts, and the attention factor of LongRoPE (arXiv 2402.13753, section 3). */
function addLongRope(
  add: ReturnType<typeof entries>,
  rope: Rope,
  dimensions: number,
  context: number,
  file: string,
): MadeTensor[] {
  const { long_factor: long, short_factor: short, original_max_position_embeddings: original } = rope.fields;
  if (original === undefined) throw invalidFile(file, 'its RoPE scaling has no original_max_position_embeddings');
  if (long?.length !== dimensions / 2 || short?.length !== dimensions / 2)
    throw invalidFile(file, `long_factor and short_factor of its RoPE scaling do not have ${dimensions / 2} numbers`);
  const stretch = context / original;
  add.real('rope.freq_base', rope.theta);
  add.real('rope.scaling.attn_factor', stretch > 1 ? Math.sqrt(1 + Math.log(stretch) / Math.log(original)) : 1);
  return [
    { name: 'rope_factors_long.weight', values: Float32Array.from(long) },
    { name: 'rope_factors_short.weight', values: Float32Array.from(short) },
  ];
}
