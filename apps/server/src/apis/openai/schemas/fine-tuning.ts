import { z } from 'zod';
import { cursor, fileIdSchema, metadataSchema } from './ids.ts';
import { listOf } from './list.ts';
import { notHere } from './sampling.ts';

const orAuto = <T extends z.ZodType>(schema: T) => z.union([z.literal('auto'), schema]).nullish();

const supervisedSchema = z.object({
  n_epochs: orAuto(z.int().min(1).max(50)),
  batch_size: orAuto(z.int().min(1).max(256)),
  learning_rate_multiplier: orAuto(z.number().gt(0).max(1000)),
});
const dpoSchema = supervisedSchema.extend({ beta: orAuto(z.number().gt(0).max(2)) });
export type HyperParameters = z.infer<typeof dpoSchema>;

const methodSchema = z.discriminatedUnion(
  'type',
  [
    z.object({
      type: z.literal('supervised'),
      supervised: z.object({ hyperparameters: supervisedSchema.nullish() }).nullish(),
    }),
    z.object({ type: z.literal('dpo'), dpo: z.object({ hyperparameters: dpoSchema.nullish() }).nullish() }),
  ],
  'has to be supervised or dpo',
);

export const jobCreateSchema = z.object({
  model: z.string().min(1).max(500),
  training_file: z.string().max(200),
  validation_file: z.string().max(200).nullish(),
  method: methodSchema.nullish(),
  hyperparameters: supervisedSchema.nullish().describe('Of method supervised, in the older form'),
  suffix: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[\w.-]+$/, 'has letters, digits, dots, dashes and underscores only')
    .nullish(),
  seed: z.int().min(0).max(0x7fff_ffff).nullish(),
  metadata: metadataSchema.nullish(),
  integrations: z.union([z.array(z.never()).max(0), notHere('this server reports to no other')]).nullish(),
});
export type JobCreate = z.infer<typeof jobCreateSchema>;

const resolved = {
  n_epochs: z.number(),
  batch_size: z.int(),
  learning_rate_multiplier: z.number(),
};

export const jobIdSchema = z.string().regex(/^ftjob-[0-9a-f]{32}$/);

export const jobSchema = z
  .object({
    id: jobIdSchema,
    object: z.literal('fine_tuning.job'),
    created_at: z.int(),
    finished_at: z.int().nullable(),
    estimated_finish: z.int().nullable(),
    model: z.string(),
    fine_tuned_model: z.string().nullable(),
    organization_id: z.string(),
    status: z.enum(['validating_files', 'queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled']),
    hyperparameters: z.object(resolved),
    method: z.discriminatedUnion('type', [
      z.object({ type: z.literal('supervised'), supervised: z.object({ hyperparameters: z.object(resolved) }) }),
      z.object({
        type: z.literal('dpo'),
        dpo: z.object({ hyperparameters: z.object({ ...resolved, beta: z.number() }) }),
      }),
    ]),
    training_file: z.string().describe('A file; of data that came without one, the data set'),
    validation_file: z.string().nullable(),
    result_files: z.array(fileIdSchema),
    trained_tokens: z.int().nullable(),
    error: z.object({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
    seed: z.int(),
    integrations: z.array(z.never()),
    metadata: z.record(z.string(), z.string()),
  })
  .describe('FineTuningJob');

export const jobParams = z.object({ fine_tuning_job_id: z.string().max(200) });

export const jobListSchema = listOf(jobSchema);
/** Keys like `metadata[team]` ask for a pair of the metadata; `metadata=null` for jobs without. */
export const jobListQuery = z.object(cursor(100, 20)).catchall(z.string().max(512));
export const pageQuery = z.object(cursor(1000, 20));
export const checkpointListQuery = z.object(cursor(1000, 10));

export const eventSchema = z
  .object({
    id: z.string(),
    object: z.literal('fine_tuning.job.event'),
    created_at: z.int(),
    level: z.enum(['info', 'warn', 'error']),
    message: z.string(),
    type: z.enum(['message', 'metrics']),
    data: z.record(z.string(), z.number()),
  })
  .describe('FineTuningJobEvent');
export const eventListSchema = listOf(eventSchema);

export const checkpointSchema = z
  .object({
    id: z.string(),
    object: z.literal('fine_tuning.job.checkpoint'),
    created_at: z.int(),
    fine_tuned_model_checkpoint: z.string(),
    fine_tuning_job_id: jobIdSchema,
    metrics: z.object({
      step: z.int(),
      train_loss: z.number().optional(),
      full_valid_loss: z.number().optional(),
      full_valid_mean_token_accuracy: z.number().optional(),
    }),
    step_number: z.int(),
  })
  .describe('FineTuningJobCheckpoint');
export const checkpointListSchema = listOf(checkpointSchema);
