/**
 * What an API asks of a training job, in the platform's words: the tuner's own hyper-parameters, and what the server turns
 * into them once it has read the data (batches.ts, split.ts). Kept in training_jobs.hyper_parameters.
 */
import { hyperParametersSchema, type RunSpec, taskSettingsSchema } from '@atelier/tuner/contract';
import { z } from 'zod';

/** Those that the server derives from the data may not be asked for directly. */
const askedHyperParameters = hyperParametersSchema.omit({ batchTokens: true, gradientAccumulation: true }).partial();

const count = z.int().min(0);

/** Of a whole run. */
export const runEstimateSchema = z.strictObject({
  dataTokens: count,
  tokensPerStep: count,
  trainTokens: count,
  steps: count,
  epochs: z.number(),
  seconds: count,
});
export type RunEstimate = z.infer<typeof runEstimateSchema>;

const targetSchema = z.strictObject({
  name: z.string(),
  labels: z.array(z.string()),
  weight: z.number(),
  kind: z.enum(['single', 'multi', 'scalar']),
});
export type TrainingTarget = z.infer<typeof targetSchema>;

export const trainingSettingsSchema = z.strictObject({
  hyperParameters: askedHyperParameters,
  taskSettings: taskSettingsSchema.prefault({}),
  /** Training rows whose gradients together make one optimizer step. */
  rowsPerStep: z.int().min(1).max(16_777_216),
  /** Share of the training rows that is used, in percent. */
  trainPercent: z.number().gt(0).max(100).default(100),
  /** Test records that are answered at the same time. */
  testsAtOnce: z.int().min(1).max(64).default(16),
  /** Share of the rows of an upload that may have been bad, and left out. */
  invalidRowShare: z.number().min(0).max(0.5).default(0),
  /** Share of the plain texts that are learnt as texts with a hole, of models that fill in the middle. */
  holeShare: z.number().min(0).max(1).default(0),
  /** Whether each checkpoint answers the test records, besides the trainer's own validation. */
  answerTests: z.boolean().default(true),
  /** What the tuner was given in the end; set when the job has been validated. */
  trained: hyperParametersSchema.optional(),
  /** What that comes to, about; set with it. */
  estimate: runEstimateSchema.optional(),
  /** What a classification predicts, given or found in the data; set with it. */
  targets: z.array(targetSchema).optional(),
});

/** What the server adds to the settings of a job that it has validated. */
export const learntSettings = ['trained', 'estimate', 'targets'] as const;
export type TrainingSettings = z.input<typeof trainingSettingsSchema>;

export type TrainingTask = RunSpec['task'];
export type TrainingMethod = RunSpec['method'];
