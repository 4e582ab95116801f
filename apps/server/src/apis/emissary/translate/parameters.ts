/**
 * Emissary's hyper-parameters, and what each means to this platform: one table. Names and defaults up to
 * per_device_eval_batch_size are the published ones; the rest is ours. A value that the tuner cannot honour is refused.
 */
import { AtelierError } from '@atelier/errors';
import { loraTargets } from '@atelier/tuner/contract';
import { z } from 'zod';
import type { TrainingSettings } from '../../../core/training/settings.ts';

export type ParameterValue = string | number;
type Model = { contextLength: number };
type Method = 'lora' | 'full';

/** What the rows of the table write into. Rows are applied in their order. */
type Draft = {
  method: Method;
  seed: number;
  microBatchRows: number;
  accumulation: number;
  testBatch: number;
  testBatchesHeld: number;
  trainPercent: number;
  hyperParameters: TrainingSettings['hyperParameters'];
};

type Parameter<V extends ParameterValue> = {
  schema: z.ZodType<V>;
  default: V | ((model: Model) => V);
  /** The methods that it applies to; absent: all. */
  method?: Method;
  apply: (draft: Draft, value: V) => void;
  doc: string;
};
const row = <V extends ParameterValue>(parameter: Parameter<V>): Parameter<ParameterValue> =>
  parameter as unknown as Parameter<ParameterValue>;

/** Rows longer than this are cut unless more is asked for: attention costs the square of it. */
const defaultSequenceTokens = 1024;
const mostTestsAtOnce = 16;

const optimizers = { adamw_torch: 'adamw', adamw_hf: 'adamw', adamw_8bit: 'adamw', adafactor: 'adafactor' } as const;

export const parameters: Readonly<Record<string, Parameter<ParameterValue>>> = {
  num_train_epochs: row({
    schema: z.int().min(1).max(10_000),
    default: 5,
    apply: (draft, value) => (draft.hyperParameters.epochs = value),
    doc: 'Passes over the training data. A checkpoint is taken and tested after each.',
  }),
  per_device_train_batch_size: row({
    schema: z.int().min(1).max(4096),
    default: 1,
    apply: (draft, value) => (draft.microBatchRows = value),
    doc: 'Rows in a batch. What counts is its product with gradient_accumulation_steps: the average number of rows of one optimizer step.',
  }),
  gradient_accumulation_steps: row({
    schema: z.int().min(1).max(4096),
    default: 4,
    apply: (draft, value) => (draft.accumulation = value),
    doc: 'Batches in one optimizer step. Rows are packed, so how a step is cut into batches is chosen by the server, by memory.',
  }),
  optim: row({
    schema: z.enum(Object.keys(optimizers) as (keyof typeof optimizers)[]),
    default: 'adamw_8bit',
    apply: (draft, value) => (draft.hyperParameters.optimizer = optimizers[value]),
    doc: 'adamw_torch, adamw_hf and adamw_8bit are all AdamW, its state kept in 32 bits; adafactor is Adafactor.',
  }),
  weight_decay: row({
    schema: z.number().min(0).max(1),
    default: 0.01,
    apply: (draft, value) => (draft.hyperParameters.weightDecay = value),
    doc: 'Decoupled weight decay.',
  }),
  logging_steps: row({
    schema: z.int().min(1).max(1_000_000),
    default: 10,
    apply: () => undefined,
    doc: 'training_loss lists every such step, and the first and the latest.',
  }),
  learning_rate: row({
    schema: z.number().gt(0).max(10),
    default: 2e-4,
    apply: (draft, value) => (draft.hyperParameters.learningRate = value),
    doc: 'The highest learning rate, reached after the warm-up.',
  }),
  warmup_steps: row({
    schema: z.int().min(0).max(10_000_000),
    default: 5,
    apply: (draft, value) => (draft.hyperParameters.warmupSteps = value),
    doc: 'Optimizer steps over which the learning rate rises from 0.',
  }),
  lr_scheduler_type: row({
    schema: z.enum(['linear', 'cosine', 'constant', 'constant_with_warmup']),
    default: 'linear',
    apply: (draft, value) => {
      draft.hyperParameters.schedule = value === 'constant_with_warmup' ? 'constant' : value;
      if (value === 'constant') draft.hyperParameters.warmupSteps = 0;
    },
    doc: 'linear and cosine fall to 0 at the last step; constant ignores warmup_steps, constant_with_warmup does not.',
  }),
  downsample_size: row({
    schema: z.number().gt(0).max(100),
    default: 100,
    apply: (draft, value) => (draft.trainPercent = value),
    doc: 'Percent of the training rows that is used, chosen at random by the seed.',
  }),
  eval_accumulation_steps: row({
    schema: z.int().min(1).max(1_000_000),
    default: 50,
    apply: (draft, value) => (draft.testBatchesHeld = value),
    doc: 'Its product with per_device_eval_batch_size, at most 16, is the number of test records answered at the same time.',
  }),
  per_device_eval_batch_size: row({
    schema: z.int().min(1).max(4096),
    default: 1,
    apply: (draft, value) => (draft.testBatch = value),
    doc: 'See eval_accumulation_steps.',
  }),
  method: row({
    schema: z.enum(['lora', 'full']),
    default: 'lora',
    apply: (draft, value) => (draft.method = value),
    doc: 'lora trains a low-rank adapter beside the frozen weights; full trains every weight.',
  }),
  lora_rank: row({
    schema: z.int().min(1).max(256),
    default: 32,
    method: 'lora',
    apply: (draft, value) => (draft.hyperParameters.loraRank = value),
    doc: 'Rank of the adapter.',
  }),
  lora_alpha: row({
    schema: z.number().gt(0).max(256),
    default: 64,
    method: 'lora',
    apply: (draft, value) => (draft.hyperParameters.loraAlpha = value),
    doc: 'The adapter is scaled by lora_alpha / lora_rank.',
  }),
  lora_dropout: row({
    schema: z.number().min(0).lt(1),
    default: 0.05,
    method: 'lora',
    apply: (draft, value) => (draft.hyperParameters.loraDropout = value),
    doc: "Share of the adapter's inputs that is dropped in training.",
  }),
  lora_target_modules: row({
    schema: z
      .string()
      .max(100)
      .refine((value) => targetsIn(value) !== undefined, `must be a comma-separated list of ${loraTargets.join(', ')}`),
    default: loraTargets.join(','),
    method: 'lora',
    apply: (draft, value) => {
      const targets = targetsIn(value);
      if (targets) draft.hyperParameters.loraTargets = targets;
    },
    doc: 'The weight matrices that get an adapter, separated by commas.',
  }),
  max_grad_norm: row({
    schema: z.number().min(0).max(1e6),
    default: 1,
    apply: (draft, value) => (draft.hyperParameters.maxGradientNorm = value),
    doc: 'Gradients are scaled down to at most this L2 norm; 0 turns that off.',
  }),
  max_seq_length: row({
    schema: z.int().min(8).max(1_048_576),
    default: (model) => Math.min(defaultSequenceTokens, model.contextLength),
    apply: (draft, value) => (draft.hyperParameters.maxSequenceTokens = value),
    doc: "Tokens after which a row is cut; at most the model's context.",
  }),
  seed: row({
    schema: z.int().min(0).max(0xffff_ffff),
    default: 0,
    apply: (draft, value) => (draft.seed = value),
    doc: 'Decides the split, the order of the rows, initial adapter weights and dropout.',
  }),
};

function targetsIn(list: string): (typeof loraTargets)[number][] | undefined {
  const wanted = list.split(',').map((name) => name.trim());
  const targets = loraTargets.filter((target) => wanted.includes(target));
  return targets.length > 0 && wanted.every((name) => (loraTargets as readonly string[]).includes(name))
    ? targets
    : undefined;
}

const defaultOf = (parameter: Parameter<ParameterValue>, model: Model): ParameterValue =>
  typeof parameter.default === 'function' ? parameter.default(model) : parameter.default;

/** Every parameter that a job on `model` takes, with its default. */
export function parameterTemplate(model: Model): Record<string, ParameterValue> {
  return Object.fromEntries(Object.entries(parameters).map(([name, parameter]) => [name, defaultOf(parameter, model)]));
}

export type ReadParameters = {
  method: Method;
  seed: number;
  settings: TrainingSettings;
  /** The parameters in force, given or by default, under their published names. */
  effective: Record<string, ParameterValue>;
};

/**
 * The parameters of a request, checked and in the platform's words.
 * @throws AtelierError `unknown_parameter` naming all unknown ones; `invalid_request` naming the first that cannot be honoured.
 */
export function readParameters(given: Readonly<Record<string, ParameterValue>>, model: Model): ReadParameters {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(parameters, name));
  if (unknown.length > 0) throw new AtelierError('unknown_parameter', { names: unknown.slice(0, 20).join(', ') });
  const values = Object.entries(parameters).map(([name, parameter]) => {
    const parsed = parameter.schema.safeParse(given[name] ?? defaultOf(parameter, model));
    if (!parsed.success) throw refused(name, parsed.error.issues[0]?.message ?? 'is not valid');
    return { name, parameter, value: parsed.data };
  });
  const draft: Draft = {
    method: 'lora',
    seed: 0,
    microBatchRows: 1,
    accumulation: 1,
    testBatch: 1,
    testBatchesHeld: 1,
    trainPercent: 100,
    hyperParameters: {},
  };
  for (const { parameter, value } of values) parameter.apply(draft, value);
  const inForce = values.filter(({ parameter }) => parameter.method === undefined || parameter.method === draft.method);
  for (const { name, parameter } of values) {
    if (name in given && parameter.method !== undefined && parameter.method !== draft.method) {
      throw refused(name, `applies only to method ${parameter.method}`);
    }
  }
  if ((draft.hyperParameters.maxSequenceTokens ?? 0) > model.contextLength) {
    throw refused('max_seq_length', `the model holds ${model.contextLength} tokens`);
  }
  return {
    method: draft.method,
    seed: draft.seed,
    settings: {
      hyperParameters: draft.hyperParameters,
      rowsPerStep: draft.microBatchRows * draft.accumulation,
      trainPercent: draft.trainPercent,
      testsAtOnce: Math.min(mostTestsAtOnce, draft.testBatch * draft.testBatchesHeld),
    },
    effective: Object.fromEntries(inForce.map(({ name, value }) => [name, value])),
  };
}

function refused(name: string, reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason: `parameters.${name}: ${reason}` });
}
