import { z } from 'zod';
import { datasetSummarySchema } from './datasets.ts';
import { projectParams } from './project-params.ts';
import { descriptionSchema, nameSchema, storedText, unixTime } from './text.ts';

const id = storedText(200);

export const createTrainingJobSchema = z.strictObject({
  base_model: storedText(200).describe('The name of the base model; `GET /v1/models` lists them'),
  train_dataset_id: id.describe('The dataset to train on'),
  test_dataset_id: id
    .optional()
    .describe('The dataset that each checkpoint is tested on; not together with train_test_split_ratio'),
  train_test_split_ratio: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('The share of the training dataset that is kept apart to test each checkpoint on'),
  name: nameSchema.optional(),
  description: descriptionSchema.optional(),
  task_type: z
    .enum(['text-generation', 'classification', 'embedding', 'regression'])
    .optional()
    .describe('Default: text-generation'),
  parameters: z
    .record(z.string().max(100), z.union([storedText(1000), z.number(), z.int()]))
    .optional()
    .describe("Hyper-parameters; the base model's parameter_template lists their names and defaults"),
  lora_configs: z
    .strictObject({
      rank: z.int().min(1).max(256).optional().describe('Default: 32'),
      lora_alpha: z.int().min(1).max(256).optional().describe('Default: 64'),
      lora_dropout: z.number().min(0).lt(1).optional().describe('Default: 0.05'),
    })
    .optional()
    .describe('The same as lora_rank, lora_alpha and lora_dropout in parameters'),
  quantization: z
    .enum(['int4', 'int8', 'fp16'])
    .optional()
    .describe(
      'The same as quantization in parameters. Default: int4 for method qlora and for models of at least 1e9 parameters, else fp16',
    ),
  hf_model_link: storedText(2000)
    .optional()
    .describe(
      'With base model `HF_MODEL`: organisation/name, with @revision or :file, or its page; the job fetches it',
    ),
});

export const trainingJobSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  base_model: z.string(),
  status: z.enum(['Pending', 'Running', 'Success', 'Failed', 'TimedOut', 'Cancelled']),
  progress: z.int().min(0).max(100).describe('Percent'),
  created_by: z.string(),
  created_at: unixTime,
  updated_at: unixTime,
});

export const trainingJobListSchema = z.array(trainingJobSummarySchema);

export const trainingJobDetailSchema = z.object({
  ...trainingJobSummarySchema.shape,
  description: z.string().optional(),
  status: z.enum(['Pending', 'Running', 'Testing', 'Success', 'Failed', 'TimedOut', 'Cancelled']),
  train_dataset: datasetSummarySchema,
  test_dataset: datasetSummarySchema.optional(),
  training_loss: z
    .array(
      z.object({
        timestamp: z.number().describe('Seconds since 1970-01-01 UTC'),
        loss: z.number().describe('Mean over supervised tokens, in nats, or over the records of other tasks'),
        step: z.int(),
        learning_rate: z.number(),
        tokens_per_second: z.number(),
      }),
    )
    .describe('Every logging_steps-th optimizer step, the first and the latest'),
  validation_loss: z
    .array(z.object({ timestamp: z.number(), loss: z.number(), token_accuracy: z.number().optional(), step: z.int() }))
    .describe(
      'Loss and, for text-generation, share of correctly predicted tokens on the test records, at each checkpoint',
    ),
  samples: z
    .array(
      z.object({
        timestamp: z.number(),
        step: z.int(),
        prompt: z.string(),
        expected: z.string().optional(),
        text: z.string(),
      }),
    )
    .describe('text-generation: what the model answers to the first test records, at each validation'),
  total_steps: z.int().optional().describe('Known once training has begun'),
  seconds_left: z.number().optional().describe("The trainer's estimate while it runs"),
  hyper_parameters: z.record(z.string(), z.union([z.string(), z.number(), z.int()])),
  error: z.object({ code: z.string(), message: z.string() }).optional().describe('Why the job failed'),
});

export const checkpointSchema = z.object({
  checkpoint: z.int().describe('The epoch after which it was taken, from 1'),
  model_download_url: z
    .string()
    .describe(
      'Where the GGUF file (LoRA adapter, or the whole model) can be fetched without a key, for a limited time',
    ),
  test_results: z.object({
    general_test_result: z
      .string()
      .optional()
      .describe(
        'Where the JSONL with input, expected and predicted of each test record can be fetched; absent until tested',
      ),
    aggregated_test_result: z.record(z.string(), z.string()),
  }),
  created_at: unixTime,
  updated_at: unixTime,
});

export const checkpointListSchema = z.array(checkpointSchema);

export const trainingJobParams = z.object({
  ...projectParams.shape,
  training_job_id: z.string().describe('The ID of the training job'),
});
