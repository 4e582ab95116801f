import { z } from 'zod';
import { cursor, fileIdSchema } from './ids.ts';
import { listOf } from './list.ts';

export const uploadPurposeSchema = z.enum(['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals']);
const purposeSchema = z.enum([
  ...uploadPurposeSchema.options,
  'assistants_output',
  'batch_output',
  'fine-tune-results',
]);

export const fileParams = z.object({ file_id: z.string().max(200) });

export const fileSchema = z
  .object({
    id: fileIdSchema,
    object: z.literal('file'),
    bytes: z.int(),
    created_at: z.int(),
    expires_at: z.int().optional(),
    filename: z.string(),
    purpose: purposeSchema,
    status: z.enum(['uploaded', 'processed', 'error']),
  })
  .describe('OpenAIFile');

export const fileListSchema = listOf(fileSchema);
/** Bytes, that no schema could look at. */
export const fileContent = {
  description: 'The content',
  content: { 'application/octet-stream': { schema: z.any() } },
};
export const deletedFileSchema = z.object({ id: fileIdSchema, object: z.literal('file'), deleted: z.literal(true) });

export const fileListQuery = z.object({
  ...cursor(10_000, 10_000),
  order: z.enum(['asc', 'desc']).default('desc'),
  purpose: purposeSchema.optional(),
});

/** From an hour to thirty days after its creation. */
export const expirySecondsSchema = z.coerce.number().int().min(3600).max(2_592_000);

/** Documents the form: it is read as it streams in, so nothing is parsed with this. */
export const fileUploadSchema = z.object({
  file: z.any().describe('The file'),
  purpose: uploadPurposeSchema,
  expires_after: z.object({ anchor: z.literal('created_at'), seconds: z.int() }).optional(),
});
