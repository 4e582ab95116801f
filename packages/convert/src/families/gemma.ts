/** Gemma 2 and 3 (text). Facts as in llama.cpp's conversion/gemma.py and its graphs. */
import { z } from 'zod';
import { invalidFile } from '../invalid-file.ts';
import { count, epsilon, optional, parseConfig, requireOneOf, ropeConfigSchema } from './config-schema.ts';
import { decoderName, decoderTensors } from './decoder-layout.ts';
import { entries } from './entries.ts';
import type { Family } from './family.ts';
import { addHeadSize, addSizes, decoderShape } from './llama.ts';
import { addRope, readRope } from './rope.ts';

const fields = {
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count.max(512),
  query_pre_attn_scalar: optional(z.number().positive()),
  hidden_activation: optional(z.string()),
  attention_bias: optional(z.boolean()),
  tie_word_embeddings: optional(z.boolean()),
  attn_logit_softcapping: optional(z.number().positive()),
  final_logit_softcapping: optional(z.number().positive()),
  sliding_window: optional(count),
  sliding_window_pattern: optional(count),
  layer_types: optional(z.array(z.enum(['full_attention', 'sliding_attention'])).max(512)),
  ...ropeConfigSchema,
};
const schema2 = z.looseObject({
  ...fields,
  vocab_size: count,
  num_attention_heads: count,
  num_key_value_heads: count,
  head_dim: count,
  max_position_embeddings: count,
  rms_norm_eps: epsilon,
});
// The defaults of Gemma3TextConfig, which files leave out.
const schema3 = z.looseObject({
  ...fields,
  vocab_size: count.default(262_208),
  num_attention_heads: count.default(8),
  num_key_value_heads: count.default(4),
  head_dim: count.default(256),
  max_position_embeddings: count.default(131_072),
  rms_norm_eps: epsilon.default(1e-6),
});

function family(architecture: 'gemma2' | 'gemma3', classes: readonly string[]): Family {
  const third = architecture === 'gemma3';
  return {
    architecture,
    classes,
    tokenizer: 'decoder',
    configure(value, file) {
      const config = parseConfig(third ? schema3 : schema2, textConfig(value), file);
      requireOneOf(file, 'hidden_activation', config.hidden_activation ?? 'gelu_pytorch_tanh', ['gelu_pytorch_tanh']);
      requireOneOf(file, 'attention_bias', config.attention_bias ?? false, [false]);
      requireOneOf(file, 'tie_word_embeddings', config.tie_word_embeddings ?? true, [true]);
      if (third) requireOneOf(file, 'attn_logit_softcapping', config.attn_logit_softcapping ?? null, [null]);
      const shape = { ...decoderShape(config, file, false), tied: true };
      // libllama has this scale for the largest model of each generation and the head size for all others.
      const scalar = shape.layers === (third ? 62 : 46) ? shape.width / shape.heads : shape.headSize;
      requireOneOf(file, 'query_pre_attn_scalar', config.query_pre_attn_scalar ?? 256, [scalar]);
      const add = entries(architecture);
      addSizes(add, shape, config.rms_norm_eps);
      addHeadSize(add, shape.headSize);
      const rope = readRope(config, third ? 1_000_000 : 10_000);
      const made = addRope(add, rope, shape.headSize, file);
      if (third) add.real('rope.freq_base_swa', rope.localTheta ?? 10_000);
      if (!third) {
        add.real('attn_logit_softcapping', config.attn_logit_softcapping ?? 50);
        add.real('final_logit_softcapping', config.final_logit_softcapping ?? 30);
      } else add.real('final_logit_softcapping', config.final_logit_softcapping);
      add.whole('attention.sliding_window', config.sliding_window ?? 4096);
      if (config.layer_types) {
        if (config.layer_types.length !== shape.layers)
          throw invalidFile(file, 'layer_types does not name every layer');
        add.flags(
          'attention.sliding_window_pattern',
          config.layer_types.map((type) => type === 'sliding_attention'),
        );
      } else if (config.sliding_window_pattern !== undefined)
        add.whole('attention.sliding_window_pattern', config.sliding_window_pattern);
      return { shape, metadata: add.list, made };
    },
    tensors: (shape) => decoderTensors(shape, { norm: { kind: 'plus-one' }, postNorms: true, headNorms: third }),
    normalise: (name) =>
      decoderName(name.replace(/^model\.language_model\./, 'model.').replace(/^language_model\./, '')),
    // The head is the embedding; vision belongs to another file.
    ignored: /^lm_head\.weight$|\.rotary_emb\.inv_freq$|^(model\.)?(vision_tower|multi_modal_projector)\./,
    modulePrefix: '',
  };
}

/** Multimodal folders keep the text model's fields one level down. */
function textConfig(value: unknown): unknown {
  const inner = z.looseObject({ text_config: z.looseObject({}) }).safeParse(value);
  return inner.success ? { ...inner.data, ...inner.data.text_config } : value;
}

export const gemma2 = family('gemma2', ['Gemma2ForCausalLM', 'Gemma2Model']);
export const gemma3 = family('gemma3', ['Gemma3ForCausalLM', 'Gemma3ForConditionalGeneration']);
