import { z } from 'zod';
import { invalidFile } from '../invalid-file.ts';

/** Counts that size tensors; larger ones are mistakes or attacks. */
export const count = z
  .number()
  .int()
  .min(1)
  .max(2 ** 24);
export const epsilon = z.number().positive().max(1);
/** Null stands for absent in files that Python wrote. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);

const ropeFields = z.looseObject({
  rope_type: optional(z.string()),
  type: optional(z.string()),
  rope_theta: optional(z.number().positive()),
  factor: optional(z.number().positive()),
  low_freq_factor: optional(z.number().positive()),
  high_freq_factor: optional(z.number().positive()),
  original_max_position_embeddings: optional(count),
  attention_factor: optional(z.number().positive()),
  beta_fast: optional(z.number().positive()),
  beta_slow: optional(z.number().positive()),
  partial_rotary_factor: optional(z.number().positive().max(1)),
  long_factor: optional(z.array(z.number().positive()).max(4096)),
  short_factor: optional(z.array(z.number().positive()).max(4096)),
});
export type RopeFields = z.output<typeof ropeFields>;

/** RoPE's settings in every form that config.json has had: on top, in `rope_scaling`, in `rope_parameters`, by kind of layer. */
export const ropeConfigSchema = {
  rope_theta: optional(z.number().positive()),
  rope_local_base_freq: optional(z.number().positive()),
  partial_rotary_factor: optional(z.number().positive().max(1)),
  original_max_position_embeddings: optional(count),
  rope_scaling: optional(ropeFields),
  rope_parameters: optional(
    z.looseObject({
      ...ropeFields.shape,
      full_attention: optional(ropeFields),
      sliding_attention: optional(ropeFields),
    }),
  ),
};

/** config.json's object checked by a family's schema. */
export function parseConfig<Schema extends z.ZodType>(schema: Schema, config: unknown, file: string): z.output<Schema> {
  const checked = schema.safeParse(config);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw invalidFile(file, `${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
}

/** Throws unless a setting is one that libllama computes. */
export function requireOneOf(file: string, field: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value))
    throw invalidFile(
      file,
      `${field} is ${JSON.stringify(value)}; supported: ${allowed.map((item) => JSON.stringify(item)).join(', ')}`,
    );
}
