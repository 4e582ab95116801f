import { z } from 'zod';
import { paging } from './query.ts';

export const jobStatusSchema = z.enum([
  'QUEUED',
  'STARTED',
  'VALIDATING',
  'VALIDATED',
  'RUNNING',
  'FAILED_VALIDATION',
  'FAILED',
  'SUCCESS',
  'CANCELLED',
  'CANCELLATION_REQUESTED',
]);

export const jobParams = z.object({ job_id: z.string().max(200) });

export const jobListQuery = z.object({
  ...paging,
  model: z.string().max(500).optional(),
  created_after: z.coerce.date().optional(),
  created_before: z.coerce.date().optional(),
  created_by_me: z.stringbool().default(false),
  status: jobStatusSchema.optional(),
  wandb_project: z.string().max(500).optional(),
  wandb_name: z.string().max(500).optional(),
  suffix: z.string().max(100).optional(),
});

export const jobCreateQuery = z.object({ dry_run: z.stringbool().default(false) });

const hyperParametersInSchema = z.strictObject({
  training_steps: z.int().min(1).max(1_000_000_000).nullish(),
  learning_rate: z.number().min(1e-8).max(1).default(1e-4),
  weight_decay: z.number().min(0).max(1).nullish().describe('Default: 0.1'),
  warmup_fraction: z.number().min(0).max(1).nullish().describe('Default: 0.05'),
  epochs: z.number().min(0.001).max(10_000).nullish().describe('Default: 3; does not count beside training_steps'),
  seq_len: z.int().min(100).max(1_048_576).nullish().describe('Default: 1024, or what the model holds'),
  fim_ratio: z
    .number()
    .min(0)
    .max(1)
    .nullish()
    .describe('Default: 0.9. Share of plain texts that are learnt with a hole, by models that fill in the middle'),
});

export const lossFunctionSchema = z.enum(['single_class', 'multi_class']);

const wandbSchema = z.strictObject({
  type: z.literal('wandb').default('wandb'),
  project: z.string().min(1).max(128),
  name: z.string().max(128).nullish(),
  api_key: z.string().length(40),
  run_name: z.string().max(128).nullish(),
});

const repositorySchema = z.strictObject({
  type: z.literal('github').default('github'),
  name: z.string().max(200),
  owner: z.string().max(200),
  ref: z.string().max(500).nullish(),
  weight: z.number().gt(0).default(1),
  token: z.string().max(500),
});

/** More than any honest job has; each is a row of its own. */
const MOST_FILES = 100;
/** The most that a target may count against another, or a file. */
const MOST_WEIGHT = 1000;

export const jobCreateSchema = z.strictObject({
  model: z.string().min(1).max(500),
  training_files: z
    .array(
      z.union([z.uuid(), z.strictObject({ file_id: z.uuid(), weight: z.number().gt(0).max(MOST_WEIGHT).default(1) })]),
    )
    .max(MOST_FILES)
    .default([]),
  validation_files: z.array(z.uuid()).max(MOST_FILES).nullish(),
  suffix: z
    .string()
    .max(18)
    .regex(/^[\w.-]*$/, 'must be letters, digits, dots, dashes and underscores')
    .nullish(),
  integrations: z.array(wandbSchema).max(1).nullish(),
  auto_start: z.boolean().nullish().describe('Default: false, so that a validated job waits to be started'),
  invalid_sample_skip_percentage: z.number().min(0).max(0.5).default(0),
  job_type: z.enum(['completion', 'classifier']).nullish(),
  hyperparameters: hyperParametersInSchema,
  repositories: z.array(repositorySchema).max(20).nullish().describe('Not fetched: refused unless empty'),
  classifier_targets: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(256),
        labels: z.array(z.string().min(1).max(1024)).max(4096),
        weight: z.number().min(0).max(MOST_WEIGHT).default(1),
        loss_function: lossFunctionSchema.nullish(),
      }),
    )
    .max(64)
    .nullish(),
});

const hyperParameters = {
  training_steps: z.int().nullable(),
  learning_rate: z.number(),
  weight_decay: z.number().nullable(),
  warmup_fraction: z.number().nullable(),
  epochs: z.number().nullable(),
  seq_len: z.int().nullable(),
};

const metadata = {
  expected_duration_seconds: z.int().nullable(),
  cost: z.number().nullable(),
  cost_currency: z.string().nullable(),
  train_tokens_per_step: z.int().nullable(),
  train_tokens: z.int().nullable(),
  data_tokens: z.int().nullable(),
  estimated_start_time: z.int().nullable(),
};

const job = {
  id: z.uuid(),
  auto_start: z.boolean(),
  model: z.string(),
  status: jobStatusSchema,
  created_at: z.int(),
  modified_at: z.int(),
  training_files: z.array(z.uuid()),
  validation_files: z.array(z.uuid()).nullable(),
  object: z.literal('job'),
  fine_tuned_model: z.string().nullable(),
  suffix: z.string().nullable(),
  integrations: z
    .array(
      z.object({
        type: z.literal('wandb'),
        project: z.string(),
        name: z.string().nullable(),
        run_name: z.string().nullable(),
        url: z.string().nullable(),
      }),
    )
    .nullable(),
  trained_tokens: z.int().nullable(),
  metadata: z.object(metadata).describe('JobMetadataOut').nullable(),
};

const completion = {
  job_type: z.literal('completion'),
  hyperparameters: z.object({ ...hyperParameters, fim_ratio: z.number().nullable() }),
  repositories: z.array(
    z.object({
      type: z.literal('github'),
      name: z.string(),
      owner: z.string(),
      ref: z.string().nullable(),
      weight: z.number(),
      commit_id: z.string(),
    }),
  ),
};
const classifier = { job_type: z.literal('classifier'), hyperparameters: z.object(hyperParameters) };

const detail = {
  events: z.array(
    z.object({ name: z.string(), data: z.record(z.string(), z.unknown()).nullable(), created_at: z.int() }),
  ),
  checkpoints: z.array(
    z.object({
      metrics: z.object({
        train_loss: z.number().nullable(),
        valid_loss: z.number().nullable(),
        valid_mean_token_accuracy: z.number().nullable(),
      }),
      step_number: z.int(),
      created_at: z.int(),
    }),
  ),
};

export const classifierTargetsSchema = z.array(
  z.object({ name: z.string(), labels: z.array(z.string()), weight: z.number(), loss_function: lossFunctionSchema }),
);

export const jobSchema = z.discriminatedUnion('job_type', [
  z.object({ ...job, ...completion }).describe('CompletionJobOut'),
  z.object({ ...job, ...classifier }).describe('ClassifierJobOut'),
]);

export const jobDetailSchema = z.discriminatedUnion('job_type', [
  z.object({ ...job, ...completion, ...detail }).describe('CompletionDetailedJobOut'),
  z
    .object({ ...job, ...classifier, ...detail, classifier_targets: classifierTargetsSchema })
    .describe('ClassifierDetailedJobOut'),
]);

export const jobListSchema = z.object({ data: z.array(jobSchema), object: z.literal('list'), total: z.int() });

export const dryRunSchema = z
  .object({
    ...metadata,
    deprecated: z.boolean(),
    details: z.string(),
    epochs: z.number().nullable(),
    training_steps: z.int().nullable(),
    object: z.literal('job.metadata'),
  })
  .describe('LegacyJobMetadataOut');
