import { z } from 'zod';
import { projectParams } from './project-params.ts';
import { nameSchema, unixTime } from './text.ts';

export const datasetSummarySchema = z.object({
  id: z.string(),
  name: z.string(),
  created_at: unixTime,
  is_uploaded: z.boolean().describe('False while the file is still being converted, and when that failed'),
});

export const datasetListSchema = z.array(datasetSummarySchema);

export const datasetDetailSchema = z.object({
  ...datasetSummarySchema.shape,
  dataset_download_url: z
    .string()
    .optional()
    .describe(
      'Where the file as uploaded can be fetched without a key, for a limited time; absent until it is uploaded',
    ),
  upload_by: z.string().describe('The user who uploaded it'),
  updated_at: unixTime,
});

/** The multipart form; the file itself is streamed and never passes through this schema. */
export const datasetUploadSchema = z.object({
  file: z
    .file()
    .describe(
      'CSV with the columns input,expected_output; or JSONL with prompt,completion or messages. UTF-8, one object a line',
    ),
  name: nameSchema.optional().describe('Default: the name of the file'),
});

export const datasetParams = z.object({
  ...projectParams.shape,
  dataset_id: z.string().describe('The ID of the dataset'),
});
