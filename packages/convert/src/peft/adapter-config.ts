/** adapter_config.json as PEFT writes and reads it (LoraConfig). */
import { z } from 'zod';

const none = z.union([z.null(), z.tuple([])]).optional();
const pattern = z
  .record(z.string(), z.number().positive())
  .nullish()
  .transform((value) => value ?? {});

/** Fields that change what an adapter computes must have the values that a GGUF adapter can hold; the others may be anything. */
export const adapterConfigSchema = z.looseObject({
  peft_type: z.literal('LORA'),
  r: z.number().int().min(1).max(65_536),
  lora_alpha: z.number(),
  use_rslora: z.boolean().nullish(),
  use_dora: z.literal(false).nullish(),
  bias: z.literal('none').nullish(),
  lora_bias: z.literal(false).nullish(),
  modules_to_save: none,
  trainable_token_indices: none,
  rank_pattern: pattern,
  alpha_pattern: pattern,
});
export type AdapterConfig = z.output<typeof adapterConfigSchema>;

/** The value that a pattern gives a module: PEFT's keys are ends of names, after a dot, or expressions for them. */
export function patternValue(patterns: Readonly<Record<string, number>>, module: string): number | undefined {
  // Expressions of others are not run: only plain names are looked up, the whole name or its end.
  const key = Object.keys(patterns).find((end) => module === end || module.endsWith(`.${end}`));
  return key === undefined ? undefined : patterns[key];
}

/** Keys that are expressions rather than names. */
export function isPlainName(key: string): boolean {
  return /^\w+(\.\w+)*$/.test(key);
}
