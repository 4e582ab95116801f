/**
 * The names that APIs and other trainers use for optimizers and schedules, and what each is here: one table for all
 * translations. docs/reference/hyper-parameters.md shows it, held to it by a test.
 */
import type { HyperParameters } from './spec.ts';

/** Hugging Face's names (Emissary, Lamini) and Llama Stack's. Whatever bits a name promises, moments are kept in F32. */
export const optimizerNames = {
  adamw: 'adamw',
  adamw_hf: 'adamw',
  adamw_torch: 'adamw',
  adamw_torch_fused: 'adamw',
  adamw_apex_fused: 'adamw',
  adamw_anyprecision: 'adamw',
  adamw_8bit: 'adamw',
  adamw_bnb_8bit: 'adamw',
  paged_adamw: 'adamw',
  paged_adamw_32bit: 'adamw',
  paged_adamw_8bit: 'adamw',
  adam: 'adam',
  adafactor: 'adafactor',
  sgd: 'sgd',
  lion: 'lion',
  lion_32bit: 'lion',
  lion_8bit: 'lion',
  paged_lion_32bit: 'lion',
  paged_lion_8bit: 'lion',
  rmsprop: 'rmsprop',
  rmsprop_bnb: 'rmsprop',
  rmsprop_bnb_8bit: 'rmsprop',
  adagrad: 'adagrad',
} as const satisfies Record<string, HyperParameters['optimizer']>;
export type OptimizerName = keyof typeof optimizerNames;

/** Hugging Face's names. `warmup` false: the schedule takes no warm-up, whatever is asked beside it. */
export const scheduleNames = {
  linear: { schedule: 'linear', warmup: true },
  cosine: { schedule: 'cosine', warmup: true },
  cosine_with_restarts: { schedule: 'cosine_with_restarts', warmup: true },
  polynomial: { schedule: 'polynomial', warmup: true },
  inverse_sqrt: { schedule: 'inverse_sqrt', warmup: true },
  constant: { schedule: 'constant', warmup: false },
  constant_with_warmup: { schedule: 'constant', warmup: true },
} as const satisfies Record<string, { schedule: HyperParameters['schedule']; warmup: boolean }>;
export type ScheduleName = keyof typeof scheduleNames;

/** Llama Stack's settings of DPO, which its specification names without a word on what they do. */
export const dpoSettingNames = {
  reward_scale: 'preferenceBeta',
  reward_clip: 'rewardClip',
  epsilon: 'labelSmoothing',
  gamma: 'rewardMargin',
} as const satisfies Record<string, keyof HyperParameters>;
