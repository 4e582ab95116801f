/**
 * spec.json, what a run directory holds before training starts. Written by whoever launches a run (the server, a Slurm
 * script, a person), read by the trainer; a resumed run must find the same bytes.
 */
import { z } from 'zod';

const count = z.int().min(1).max(1_000_000_000);

/** Matrices of a block. */
export const blockTargets = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const;

/** `output` is the head, of models whose head is not their embedding. */
export const loraTargets = [...blockTargets, 'output'] as const;

/** What QLoRA keeps matrices of a float type in; `none` keeps them as the file has them. */
export const quantizations = [
  'q8_0',
  'q6_k',
  'q5_k',
  'q4_k',
  'q3_k',
  'q2_k',
  'q5_1',
  'q5_0',
  'q4_1',
  'q4_0',
  'none',
] as const;

export const optimizers = ['adamw', 'adam', 'adafactor', 'sgd', 'lion', 'rmsprop', 'adagrad'] as const;

export const schedules = [
  'linear',
  'cosine',
  'cosine_with_restarts',
  'polynomial',
  'inverse_sqrt',
  'constant',
] as const;

export const hyperParametersSchema = z.strictObject({
  /** Passes over the training data, the last of which may be a part; ignored when `steps` is given. */
  epochs: z.number().min(0.001).max(10_000).default(3),
  /** Optimizer steps in total. */
  steps: count.optional(),
  /** Each pass in an order of its own; else every pass in that of the files, as far as packing allows. */
  shuffle: z.boolean().default(true),
  /** Tokens in one packed micro-batch. */
  batchTokens: z.int().min(16).max(1_048_576).default(2048),
  /** Rows longer than this are cut at the end, plain texts go on in further rows; at most the model's context. */
  maxSequenceTokens: z.int().min(8).max(1_048_576).default(1024),
  /** Loss weight of tokens that carry none of their own, such as a prompt's; 0 learns from answers alone. */
  promptLossWeight: z.number().min(0).max(1).default(0),
  /** Share of the texts with a hole that show their suffix before their prefix. */
  fimSuffixFirstShare: z.number().min(0).max(1).default(0),
  /** Micro-batches whose gradients are summed before one optimizer step. */
  gradientAccumulation: z.int().min(1).max(4096).default(1),
  learningRate: z.number().positive().max(10).default(2e-4),
  schedule: z.enum(schedules).default('linear'),
  /** Optimizer steps in which the rate rises to its peak. */
  warmupSteps: z.int().min(0).max(10_000_000).default(0),
  /** The same as a share of all steps, rounded up; counts while `warmupSteps` is 0. */
  warmupFraction: z.number().min(0).max(1).default(0),
  /** Falls from the peak of cosine_with_restarts. */
  scheduleCycles: z.int().min(1).max(1000).default(1),
  /** Exponent of polynomial. */
  schedulePower: z.number().positive().max(10).default(1),
  /** Where a schedule that falls ends, as a share of the peak. */
  finalLearningRateShare: z.number().min(0).max(1).default(0),
  optimizer: z.enum(optimizers).default('adamw'),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.999),
  /** SGD: how much of the last step is taken again. */
  momentum: z.number().min(0).lt(1).default(0),
  epsilon: z.number().positive().max(1).default(1e-8),
  weightDecay: z.number().min(0).max(1).default(0),
  /** Largest global L2 norm of the gradient; 0 turns clipping off. */
  maxGradientNorm: z.number().min(0).default(1),
  loraRank: z.int().min(1).max(1024).default(16),
  loraAlpha: z.number().positive().max(65_536).default(32),
  /** rsLoRA: the adapter counts alpha / sqrt(rank) times instead of alpha / rank. */
  loraRankStabilised: z.boolean().default(false),
  loraDropout: z.number().min(0).lt(1).default(0),
  loraTargets: z
    .array(z.enum(loraTargets))
    .min(1)
    .default([...blockTargets]),
  /** QLoRA: what matrices that the file has as F32, F16 or BF16 become in memory; quantised ones stay as they are. */
  quantization: z.enum(quantizations).default('q8_0'),
  /** NEFTune (Jain et al. 2023, arXiv 2310.05914): noise on the embeddings in training; 0 turns it off. */
  neftuneAlpha: z.number().min(0).max(1000).default(0),
  /** How preferences are learnt: from pairs beside a reference (DPO), from pairs alone (ORPO), or from single answers beside a reference (KTO). */
  preferenceLoss: z.enum(['dpo', 'orpo', 'kto']).default('dpo'),
  /** DPO and KTO: scale of rewards, so how dear leaving the reference is; ORPO: weight of the odds ratio. */
  preferenceBeta: z.number().positive().max(1000).default(0.1),
  /** DPO: share of the examples that count as if their answers were swapped. */
  labelSmoothing: z.number().min(0).lt(0.5).default(0),
  /** DPO and KTO: largest size of a reward, beyond which an answer teaches nothing; 0 turns clipping off. */
  rewardClip: z.number().min(0).max(1e6).default(0),
  /** DPO: by how much the reward of the chosen answer should exceed that of the rejected one. */
  rewardMargin: z.number().min(0).max(1e6).default(0),
  /** KTO: weights of answers that are desirable, and of those that are not. */
  desirableWeight: z.number().positive().max(1000).default(1),
  undesirableWeight: z.number().positive().max(1000).default(1),
  /** Recompute each layer's forward inside its backward: less memory, more arithmetic. */
  activationCheckpointing: z.boolean().default(false),
  /** Optimizer steps between checkpoints; absent: as checkpointFraction says, else one at the end of each epoch. */
  checkpointSteps: count.optional(),
  /** The same as a share of all steps, yet never fewer than 10 steps; counts while `checkpointSteps` is absent. */
  checkpointFraction: z.number().gt(0).max(1).optional(),
  /** Optimizer steps between validations; absent: one at each checkpoint. */
  validationSteps: count.optional(),
  /** Checkpoints whose optimizer state is kept for resuming; weights of all are kept. */
  keepStates: z.int().min(1).max(100).default(1),
  /** Validations without a better loss after which training ends; absent: never. */
  earlyStoppingPatience: count.optional(),
  /** By how much the validation loss must fall to count as better. */
  earlyStoppingMinDelta: z.number().min(0).default(0),
  /** The run fails when the gradient norm is so many times its median while the loss is the highest of late; 0 turns that off. */
  divergenceFactor: z.number().min(0).default(100),
});
export type HyperParameters = z.infer<typeof hyperParametersSchema>;

/**
 * `lora` trains a low-rank adapter beside weights expanded to F32, `qlora` the same beside weights that stay quantised in
 * memory, `dora` that and a magnitude for each output, beside F32; `full` trains all weights.
 */
export const methods = ['lora', 'qlora', 'dora', 'full'] as const;

export const tasks = ['generation', 'classification', 'regression', 'embedding', 'reward', 'preference'] as const;

export const poolings = ['mean', 'last', 'cls'] as const;

/** More are not of this world, and each is a part of the graph. */
export const maxTargets = 64;

const targetSchema = z.strictObject({
  name: z.string().min(1).max(256),
  /** Classification: in the order of the written head; absent: those of the training data, sorted. */
  labels: z.array(z.string().min(1).max(1024)).min(1).max(4096).optional(),
  /** Share in the loss. */
  weight: z.number().min(0).max(1000).default(1),
  /** Classification: exactly one label holds (softmax), or each does by itself (sigmoid); absent: sigmoid where a record gives a list or a map. */
  lossFunction: z.enum(['softmax', 'sigmoid']).optional(),
});

export const taskSettingsSchema = z.strictObject({
  /** What classification and regression predict; absent: every target of the training data, by name. */
  targets: z
    .array(targetSchema)
    .min(1)
    .max(maxTargets)
    .refine((targets) => targets.some(({ weight }) => weight > 0), 'at least one needs a weight above 0')
    .optional(),
  /** How a sequence's hidden states become one: their mean, the last token's, the first's; absent: as the model's file says, else the mean of an encoder and the last of a decoder. */
  pooling: z.enum(poolings).optional(),
  /** Embedding of pairs without scores: what similarities are divided by. */
  temperature: z.number().min(0.001).max(100).default(0.05),
  /** Embedding: served vectors have length 1. Training compares by cosine in any case. */
  normalise: z.boolean().default(true),
});
export type TaskSettings = z.infer<typeof taskSettingsSchema>;

const samplesSchema = z.strictObject({
  /** None: those of the first validation records. */
  prompts: z.array(z.string().min(1).max(100_000)).max(16).default([]),
  /** Prompts that are asked; 0 turns samples off. */
  count: z.int().min(0).max(16).default(0),
  /** Tokens of an answer at most; each takes a pass over all prompts. */
  maxTokens: z.int().min(1).max(512).default(32),
});

export const runSpecSchema = z.strictObject({
  version: z.literal(1),
  task: z.enum(tasks),
  /** Settings of tasks that end in a head or a vector. */
  taskSettings: taskSettingsSchema.prefault({}),
  method: z.enum(methods),
  /** GGUF file of the base model, absolute or relative to the run directory. */
  baseModel: z.string().min(1),
  /** Record files (JSONL of DatasetRecord). */
  train: z.array(z.string().min(1)).min(1),
  validation: z.array(z.string().min(1)).default([]),
  /** How a completion record becomes text: through the model's chat template, or as it is. */
  promptFormat: z.enum(['chat', 'raw']).default('chat'),
  /** What the model is asked at each validation, in tasks that write text: a `sample` event each. */
  samples: samplesSchema.prefault({}),
  hyperParameters: hyperParametersSchema.prefault({}),
  seed: z.int().min(0).max(0xffff_ffff).default(0),
  /** Native threads; absent: one for each core there is when the run begins. */
  threads: z.int().min(1).max(1024).optional(),
  /** Bytes that the run may take in all; absent: what is free when it starts. More is refused before it starts. */
  memoryLimit: z.int().min(1).optional(),
  gpu: z.enum(['auto', 'off', 'vulkan', 'cuda', 'metal']).default('off'),
});
export type RunSpec = z.infer<typeof runSpecSchema>;
