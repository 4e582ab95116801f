import { z } from 'zod';
import { oneOrMore, paging } from './query.ts';

export const purposeSchema = z.enum(['fine-tune', 'batch', 'ocr']);
export const sampleTypeSchema = z.enum(['pretrain', 'instruct', 'batch_request', 'batch_result', 'batch_error']);
export const sourceSchema = z.enum(['upload', 'repository', 'mistral']);

export const fileParams = z.object({ file_id: z.string().max(200) });

export const fileSchema = z
  .object({
    id: z.uuid(),
    object: z.literal('file'),
    bytes: z.int(),
    created_at: z.int(),
    filename: z.string(),
    purpose: purposeSchema,
    sample_type: sampleTypeSchema,
    num_lines: z.int().nullable(),
    source: sourceSchema,
  })
  .describe('FileSchema');

export const retrievedFileSchema = fileSchema.extend({ deleted: z.boolean() }).describe('RetrieveFileOut');
export const fileListSchema = z.object({ data: z.array(fileSchema), object: z.literal('list'), total: z.int() });
/** Bytes, that no schema could look at. */
export const fileContent = {
  description: 'The content',
  content: { 'application/octet-stream': { schema: z.any() } },
};
export const deletedFileSchema = z.object({ id: z.uuid(), object: z.literal('file'), deleted: z.literal(true) });
export const signedUrlSchema = z.object({ url: z.url() });

export const fileListQuery = z.object({
  ...paging,
  sample_type: oneOrMore(sampleTypeSchema).optional(),
  source: oneOrMore(sourceSchema).optional(),
  search: z.string().max(500).optional(),
  purpose: purposeSchema.optional(),
  expiry: z.int().optional().describe('Hours after which it is gone; newer clients send it'),
  visibility: z.string().optional().describe('`workspace`; newer clients send it'),
});

/** Hours; a week at most. */
export const signedUrlQuery = z.object({ expiry: z.coerce.number().int().min(1).max(168).default(24) });

/** Hours; ten years at most. */
export const expirySchema = z.coerce.number().int().min(1).max(87_660);
/** Every file is its workspace's. */
export const visibilitySchema = z.literal('workspace');

/** Documents the form: it is read as it streams in, so nothing is parsed with this. */
export const fileUploadSchema = z.object({
  file: z.any().describe('The file'),
  purpose: purposeSchema.optional(),
  expiry: z.int().optional().describe('Hours after which it is gone; newer clients send it'),
  visibility: z.string().optional().describe('`workspace`; newer clients send it'),
});
