import { z } from 'zod';
import { oneOrMore, paging } from './query.ts';

export const batchEndpoints = [
  '/v1/chat/completions',
  '/v1/embeddings',
  '/v1/fim/completions',
  '/v1/moderations',
  '/v1/chat/moderations',
  '/v1/classifications',
  '/v1/chat/classifications',
  '/v1/ocr',
] as const;

export const batchStatusSchema = z.enum([
  'QUEUED',
  'RUNNING',
  'SUCCESS',
  'FAILED',
  'TIMEOUT_EXCEEDED',
  'CANCELLATION_REQUESTED',
  'CANCELLED',
]);

/** Values of 1 to 512 characters under keys of 1 to 32. */
const metadataSchema = z.record(z.string().min(1).max(32), z.string().min(1).max(512));

/** A week, less than which a timeout has to be. */
const WEEK_HOURS = 168;

export const batchCreateSchema = z.strictObject({
  input_files: z.array(z.uuid()).min(1).max(100),
  endpoint: z.enum(batchEndpoints),
  model: z.string().min(1).max(500).nullish(),
  agent_id: z.string().min(1).max(200).nullish().describe('Newer clients send it in the place of a model'),
  metadata: metadataSchema.nullish(),
  timeout_hours: z
    .int()
    .min(1)
    .max(WEEK_HOURS - 1)
    .default(24),
});

export const batchSchema = z
  .object({
    id: z.uuid(),
    object: z.literal('batch'),
    input_files: z.array(z.uuid()),
    metadata: z.record(z.string(), z.string()),
    endpoint: z.string(),
    model: z.string(),
    agent_id: z.string().nullable(),
    output_file: z.uuid().nullable(),
    error_file: z.uuid().nullable(),
    errors: z.array(z.object({ message: z.string(), count: z.int() })),
    status: batchStatusSchema,
    created_at: z.int(),
    total_requests: z.int(),
    completed_requests: z.int(),
    succeeded_requests: z.int(),
    failed_requests: z.int(),
    started_at: z.int().nullable(),
    completed_at: z.int().nullable(),
  })
  .describe('BatchJobOut');

export const batchListSchema = z.object({ data: z.array(batchSchema), object: z.literal('list'), total: z.int() });

export const batchParams = z.object({ job_id: z.string().max(200) });

/** Every key that is not known here is one of the metadata's. */
export const batchListQuery = z
  .object({
    ...paging,
    model: z.string().max(500).optional(),
    metadata: z.string().max(4000).optional().describe('A JSON object; or each of its keys as a query key of its own'),
    created_after: z.coerce.date().optional(),
    created_by_me: z.stringbool().default(false),
    status: oneOrMore(batchStatusSchema).optional(),
    order_by: z.enum(['created', '-created']).optional(),
  })
  .catchall(z.union([z.string(), z.array(z.string())]));

export const batchLineSchema = z.looseObject({
  custom_id: z.union([z.string().max(512), z.int()]).transform(String),
  body: z.record(z.string(), z.unknown()),
});
