/**
 * What an API asks of a training job, in the platform's words: the tuner's own hyper-parameters, and what the server turns
 * into them once it has read the data (batches.ts, split.ts). Kept in training_jobs.hyper_parameters.
 */
import { hyperParametersSchema, type RunSpec, taskSettingsSchema } from '@atelier/tuner/contract';
import { z } from 'zod';

/** Those that the server derives from the data may not be asked for directly. */
const askedHyperParameters = hyperParametersSchema.omit({ batchTokens: true, gradientAccumulation: true }).partial();

export const trainingSettingsSchema = z.strictObject({
  hyperParameters: askedHyperParameters,
  taskSettings: taskSettingsSchema.prefault({}),
  /** Training rows whose gradients together make one optimizer step. */
  rowsPerStep: z.int().min(1).max(16_777_216),
  /** Share of the training rows that is used, in percent. */
  trainPercent: z.number().gt(0).max(100).default(100),
  /** Test records that are answered at the same time. */
  testsAtOnce: z.int().min(1).max(64).default(16),
  /** What the tuner was given in the end; set when the job has been validated. */
  trained: hyperParametersSchema.optional(),
});
export type TrainingSettings = z.input<typeof trainingSettingsSchema>;

export type TrainingTask = RunSpec['task'];
export type TrainingMethod = RunSpec['method'];
