/**
 * Emissary's hyper-parameters, and what each means to this platform: one table. Names and defaults up to
 * per_device_eval_batch_size are the published ones; the rest is ours, by Hugging Face's names where it has some.
 */
import { AtelierError } from '@atelier/errors';
import {
  blockTargets,
  loraTargets,
  methods,
  optimizerNames,
  scheduleNames,
  type OptimizerName,
  type RunSpec,
  type ScheduleName,
} from '@atelier/tuner/contract';
import { z } from 'zod';
import type { TrainingSettings } from '../../../core/training/settings.ts';

export type ParameterValue = string | number;
type Model = { contextLength: number; parameters: number };
type Method = RunSpec['method'];
type Given = Readonly<Record<string, ParameterValue>>;

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
  default: V | ((model: Model, given: Given) => V);
  /** The methods that it applies to; absent: all. */
  methods?: readonly Method[];
  apply: (draft: Draft, value: V) => void;
  doc: string;
};
const row = <V extends ParameterValue>(parameter: Parameter<V>): Parameter<ParameterValue> =>
  parameter as unknown as Parameter<ParameterValue>;

/** Rows longer than this are cut unless more is asked for: attention costs the square of it. */
const defaultSequenceTokens = 1024;
const mostTestsAtOnce = 16;

/** The published default is int4. Its reason is memory, and below this size there is none to save. */
const quantisedFromParameters = 1e9;

const quantizations = { int4: 'q4_k', int8: 'q8_0', fp16: 'none' } as const;

const adapters = ['lora', 'qlora', 'dora'] as const;
const frozenBases = ['lora', 'qlora'] as const;

const namesOf = <Name extends string>(table: Readonly<Record<Name, unknown>>): Name[] => Object.keys(table) as Name[];

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
    schema: z.enum(namesOf<OptimizerName>(optimizerNames)),
    default: 'adamw_8bit',
    apply: (draft, value) => (draft.hyperParameters.optimizer = optimizerNames[value]),
    doc: 'The optimizer; names that begin alike are one optimizer, its state kept in 32 bits whatever the name says: see the reference of hyper-parameters.',
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
  warmup_ratio: row({
    schema: z.number().min(0).max(1),
    default: 0,
    apply: (draft, value) => {
      draft.hyperParameters.warmupFraction = value;
      if (value > 0) draft.hyperParameters.warmupSteps = 0;
    },
    doc: 'The same as a share of all steps; where it is above 0 it counts instead of warmup_steps.',
  }),
  lr_scheduler_type: row({
    schema: z.enum(namesOf<ScheduleName>(scheduleNames)),
    default: 'linear',
    apply: (draft, value) => {
      const { schedule, warmup } = scheduleNames[value];
      draft.hyperParameters.schedule = schedule;
      if (!warmup) draft.hyperParameters.warmupSteps = draft.hyperParameters.warmupFraction = 0;
    },
    doc: 'What follows the warm-up: linear, cosine and polynomial fall to 0 at the last step; constant ignores the warm-up, constant_with_warmup does not.',
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
    schema: z.enum(methods),
    default: 'lora',
    apply: (draft, value) => (draft.method = value),
    doc: 'lora trains a low-rank adapter beside the frozen weights, qlora beside weights that stay quantised in memory, dora also a magnitude for each output; full trains every weight.',
  }),
  quantization: row({
    schema: z.enum(namesOf<keyof typeof quantizations>(quantizations)),
    default: (model, { method }) =>
      method === 'qlora' || model.parameters >= quantisedFromParameters ? 'int4' : 'fp16',
    methods: frozenBases,
    apply: (draft, value) => {
      if (!(frozenBases as readonly Method[]).includes(draft.method)) return;
      if (value !== 'fp16') draft.method = 'qlora';
      draft.hyperParameters.quantization = quantizations[value];
    },
    doc: 'What the frozen weights are kept in while training: with int4 (Q4_K) and int8 (Q8_0) method lora is qlora. Weights that the file has quantised stay so. fp16 rounds nothing.',
  }),
  lora_rank: row({
    schema: z.int().min(1).max(256),
    default: 32,
    methods: adapters,
    apply: (draft, value) => (draft.hyperParameters.loraRank = value),
    doc: 'Rank of the adapter.',
  }),
  lora_alpha: row({
    schema: z.number().gt(0).max(256),
    default: 64,
    methods: adapters,
    apply: (draft, value) => (draft.hyperParameters.loraAlpha = value),
    doc: 'The adapter is scaled by lora_alpha / lora_rank.',
  }),
  use_rslora: row({
    schema: z.enum(['false', 'true']),
    default: 'false',
    methods: adapters,
    apply: (draft, value) => (draft.hyperParameters.loraRankStabilised = value === 'true'),
    doc: 'true scales by lora_alpha / sqrt(lora_rank).',
  }),
  lora_dropout: row({
    schema: z.number().min(0).lt(1),
    default: 0.05,
    methods: adapters,
    apply: (draft, value) => (draft.hyperParameters.loraDropout = value),
    doc: "Share of the adapter's inputs that is dropped in training.",
  }),
  lora_target_modules: row({
    schema: z
      .string()
      .max(100)
      .refine((value) => targetsIn(value) !== undefined, `must be a comma-separated list of ${loraTargets.join(', ')}`),
    default: blockTargets.join(','),
    methods: adapters,
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
  neftune_noise_alpha: row({
    schema: z.number().min(0).max(1000),
    default: 0,
    apply: (draft, value) => (draft.hyperParameters.neftuneAlpha = value),
    doc: 'NEFTune: noise on the embeddings in training; 0 turns it off.',
  }),
  early_stopping_patience: row({
    schema: z.int().min(0).max(1_000_000),
    default: 0,
    apply: (draft, value) => {
      if (value > 0) draft.hyperParameters.earlyStoppingPatience = value;
    },
    doc: 'Epochs without a better validation loss after which training ends; 0 turns that off. Needs test rows.',
  }),
  early_stopping_threshold: row({
    schema: z.number().min(0).max(1e6),
    default: 0,
    apply: (draft, value) => (draft.hyperParameters.earlyStoppingMinDelta = value),
    doc: 'By how much the validation loss must fall to count as better.',
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

const applies = ({ methods: only }: Parameter<ParameterValue>, method: Method): boolean =>
  only === undefined || only.includes(method);

const defaultOf = (parameter: Parameter<ParameterValue>, model: Model, given: Given): ParameterValue =>
  typeof parameter.default === 'function' ? parameter.default(model, given) : parameter.default;

/** Every parameter that a job on `model` takes, with its default. */
export function parameterTemplate(model: Model): Record<string, ParameterValue> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, parameter]) => [name, defaultOf(parameter, model, {})]),
  );
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
export function readParameters(given: Given, model: Model): ReadParameters {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(parameters, name));
  if (unknown.length > 0) throw new AtelierError('unknown_parameter', { names: unknown.slice(0, 20).join(', ') });
  const values = Object.entries(parameters).map(([name, parameter]) => {
    const parsed = parameter.schema.safeParse(given[name] ?? defaultOf(parameter, model, given));
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
  const inForce = values.filter(({ parameter }) => applies(parameter, draft.method));
  for (const { name, parameter } of values) {
    if (name in given && !applies(parameter, draft.method)) {
      throw refused(name, `applies only to method ${parameter.methods!.join(', ')}`);
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
