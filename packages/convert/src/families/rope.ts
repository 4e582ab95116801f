/** RoPE's settings from config.json to GGUF keys and tensors. */
import { invalidFile } from '../invalid-file.ts';
import type { RopeFields } from './config-schema.ts';
import type { entries } from './entries.ts';
import type { MadeTensor } from './family.ts';

export interface RopeConfig {
  rope_theta?: number | undefined;
  rope_local_base_freq?: number | undefined;
  partial_rotary_factor?: number | undefined;
  original_max_position_embeddings?: number | undefined;
  rope_scaling?: RopeFields | undefined;
  rope_parameters?:
    | (RopeFields & { full_attention?: RopeFields | undefined; sliding_attention?: RopeFields | undefined })
    | undefined;
}

export interface Rope {
  theta: number;
  /** Of sliding-window layers, where they have their own. */
  localTheta: number | undefined;
  /** `default`, `linear`, `llama3`, `yarn`, `longrope`. */
  kind: string;
  fields: Partial<RopeFields>;
  partial: number;
}

/** The settings of layers with full attention, whatever form config.json has them in. */
export function readRope(config: RopeConfig, defaultTheta: number): Rope {
  const fields: Partial<RopeFields> =
    config.rope_parameters?.full_attention ?? config.rope_parameters ?? config.rope_scaling ?? {};
  const kind = fields.rope_type ?? fields.type ?? 'default';
  return {
    theta: fields.rope_theta ?? config.rope_theta ?? defaultTheta,
    localTheta: config.rope_parameters?.sliding_attention?.rope_theta ?? config.rope_local_base_freq,
    kind: kind === 'su' ? 'longrope' : kind,
    fields: {
      ...fields,
      original_max_position_embeddings:
        fields.original_max_position_embeddings ?? config.original_max_position_embeddings,
    },
    partial: fields.partial_rotary_factor ?? config.partial_rotary_factor ?? 1,
  };
}

/**
 * Adds the keys of a scaling that libllama computes from metadata and returns the factors of one that it takes as a
 * tensor. `dimensions` is the rotated part of a head. Throws `invalid_model_file` for other scalings.
 */
export function addRope(add: ReturnType<typeof entries>, rope: Rope, dimensions: number, file: string): MadeTensor[] {
  const { fields } = rope;
  add.real('rope.freq_base', rope.theta);
  switch (rope.kind) {
    case 'default':
      return [];
    case 'linear':
      add.text('rope.scaling.type', 'linear');
      add.real('rope.scaling.factor', need(fields.factor, 'factor', file));
      return [];
    case 'yarn':
      add.text('rope.scaling.type', 'yarn');
      add.real('rope.scaling.factor', need(fields.factor, 'factor', file));
      add.whole(
        'rope.scaling.original_context_length',
        need(fields.original_max_position_embeddings, 'original_max_position_embeddings', file),
      );
      add.real('rope.scaling.yarn_attn_factor', fields.attention_factor);
      add.real('rope.scaling.yarn_beta_fast', fields.beta_fast);
      add.real('rope.scaling.yarn_beta_slow', fields.beta_slow);
      return [];
    case 'llama3':
      return [{ name: 'rope_freqs.weight', values: llama3Factors(rope, dimensions) }];
    default:
      throw invalidFile(
        file,
        `its RoPE scaling ${JSON.stringify(rope.kind)} is not supported here; supported: linear, yarn, llama3`,
      );
  }
}

/** By how much each frequency of Llama 3.1 is slowed, as in transformers' modeling_rope_utils.py. */
function llama3Factors({ theta, fields }: Rope, dimensions: number): Float32Array {
  const { factor = 8, low_freq_factor: low = 1, high_freq_factor: high = 4 } = fields;
  const context = fields.original_max_position_embeddings ?? 8192;
  const { fround } = Math;
  return Float32Array.from({ length: dimensions / 2 }, (_, index) => {
    // In 32-bit steps like transformers, so that the factors are the same to the bit.
    const frequency = fround(1 / fround(theta ** fround((2 * index) / dimensions)));
    const wavelength = fround(fround(2 * Math.PI) / frequency);
    if (wavelength < context / high) return 1;
    if (wavelength > context / low) return factor;
    const smooth = fround(fround(fround(context / wavelength) - low) / (high - low));
    return 1 / fround(fround(fround(1 - smooth) / factor) + smooth);
  });
}

function need(value: number | undefined, field: string, file: string): number {
  if (value === undefined) throw invalidFile(file, `its RoPE scaling has no ${field}`);
  return value;
}
