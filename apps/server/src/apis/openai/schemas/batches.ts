import { z } from 'zod';
import { cursor, fileIdSchema, metadataSchema } from './ids.ts';
import { listOf } from './list.ts';

export const batchEndpoints = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/responses'] as const;

export const batchCreateSchema = z.object({
  input_file_id: z.string().max(200),
  endpoint: z.enum(batchEndpoints),
  completion_window: z.literal('24h'),
  metadata: metadataSchema.nullish(),
});

const at = z.int().optional();

export const batchSchema = z
  .object({
    id: z.string().regex(/^batch_[0-9a-f]{32}$/),
    object: z.literal('batch'),
    endpoint: z.string(),
    errors: z
      .object({
        object: z.literal('list'),
        data: z.array(z.object({ code: z.string(), message: z.string(), line: z.null(), param: z.null() })),
      })
      .nullable(),
    input_file_id: fileIdSchema,
    completion_window: z.literal('24h'),
    status: z.enum([
      'validating',
      'failed',
      'in_progress',
      'finalizing',
      'completed',
      'expired',
      'cancelling',
      'cancelled',
    ]),
    output_file_id: fileIdSchema.optional(),
    error_file_id: fileIdSchema.optional(),
    created_at: z.int(),
    in_progress_at: at,
    expires_at: at,
    finalizing_at: at,
    completed_at: at,
    failed_at: at,
    expired_at: at,
    cancelling_at: at,
    cancelled_at: at,
    request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
    metadata: z.record(z.string(), z.string()).nullable(),
  })
  .describe('Batch');

export const batchListSchema = listOf(batchSchema);
export const batchListQuery = z.object(cursor(100, 20));
export const batchParams = z.object({ batch_id: z.string().max(200) });

export const batchLineSchema = z.object({
  custom_id: z.string().max(512),
  method: z.literal('POST'),
  url: z.string(),
  body: z.record(z.string(), z.unknown()),
});
