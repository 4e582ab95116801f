import { z } from 'zod';

const documentUrlSchema = z.strictObject({
  type: z.literal('document_url').default('document_url'),
  document_url: z.string().min(1),
  document_name: z.string().max(500).nullish(),
});
const imageUrlSchema = z.strictObject({
  type: z.literal('image_url').default('image_url'),
  image_url: z.union([
    z.string().min(1),
    z.strictObject({ url: z.string().min(1), detail: z.string().max(20).nullish() }),
  ]),
});
/** Newer clients name an uploaded file instead. */
const fileSchema = z.strictObject({ type: z.literal('file').default('file'), file_id: z.string().max(200) });

const annotationFormatSchema = z.strictObject({
  type: z.enum(['text', 'json_object', 'json_schema']).default('text'),
  json_schema: z
    .strictObject({
      name: z.string().max(200),
      description: z.string().max(2000).nullish(),
      schema: z.record(z.string(), z.unknown()),
      strict: z.boolean().default(false),
    })
    .nullish(),
});

const MOST_PAGES = 1000;
const pageSchema = z.int().min(0).max(100_000);

/** `0-2,5`: numbers and ranges. */
const rangesSchema = z
  .string()
  .max(1000)
  .regex(/^\d{1,6}(-\d{1,6})?(,\d{1,6}(-\d{1,6})?)*$/, 'must be numbers and ranges, as in 0-2,5')
  .transform((text) =>
    text.split(',').flatMap((part) => {
      const [from = 0, to = from] = part.split('-').map(Number);
      return Array.from({ length: Math.min(MOST_PAGES + 1, Math.max(0, to - from + 1)) }, (_, at) => from + at);
    }),
  )
  .refine((pages) => pages.length > 0 && pages.length <= MOST_PAGES, `must name 1 to ${MOST_PAGES} pages`);

export const ocrRequestSchema = z.strictObject({
  model: z.string().max(500).nullable(),
  id: z.string().max(200).optional(),
  document: z.union([documentUrlSchema, imageUrlSchema, fileSchema]),
  pages: z.union([z.array(pageSchema).min(1).max(MOST_PAGES), rangesSchema]).nullish(),
  include_image_base64: z.boolean().nullish(),
  image_limit: z.int().min(0).max(1000).nullish(),
  image_min_size: z.int().min(0).max(100_000).nullish(),
  bbox_annotation_format: annotationFormatSchema.nullish(),
  document_annotation_format: annotationFormatSchema.nullish(),
  include_blocks: z.boolean().optional().describe('Newer clients send it; pages come without blocks either way'),
  extract_header: z.literal(false).optional(),
  extract_footer: z.literal(false).optional(),
  table_format: z.literal('markdown').nullish(),
});

const pixels = z.int().min(0).nullable();

export const ocrResponseSchema = z.object({
  pages: z.array(
    z.object({
      index: z.int().min(0),
      markdown: z.string(),
      images: z.array(
        z.object({
          id: z.string(),
          top_left_x: pixels,
          top_left_y: pixels,
          bottom_right_x: pixels,
          bottom_right_y: pixels,
          image_base64: z.string().nullable(),
          image_annotation: z.string().nullable(),
        }),
      ),
      dimensions: z.object({ dpi: z.int(), height: z.int(), width: z.int() }).nullable(),
    }),
  ),
  model: z.string(),
  document_annotation: z.string().nullable(),
  usage_info: z.object({ pages_processed: z.int(), doc_size_bytes: z.int().nullable() }),
});
