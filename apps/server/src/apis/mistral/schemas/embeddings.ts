import { z } from 'zod';

/** As many as one request to a model may have. */
export const MOST_INPUTS = 16_384;

export const textInputSchema = z.union([z.string(), z.array(z.string()).min(1).max(MOST_INPUTS)]);

export const embeddingRequestSchema = z
  .strictObject({
    model: z.string().min(1).max(500).default('mistral-embed'),
    input: textInputSchema,
    output_dimension: z
      .int()
      .min(1)
      .max(0x7fff_ffff)
      .nullish()
      .describe('Keeps the first numbers of each vector; absent: all that the model has'),
    output_dtype: z.enum(['float', 'int8', 'uint8', 'binary', 'ubinary']).default('float'),
    encoding_format: z.enum(['float', 'base64']).nullish().describe('base64: the bytes of the numbers, little-endian'),
  })
  .describe('EmbeddingRequest');

export const embeddingResponseSchema = z
  .object({
    id: z.string(),
    object: z.literal('list'),
    model: z.string(),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        embedding: z.union([z.array(z.number()), z.base64()]),
        index: z.int(),
      }),
    ),
    usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.literal(0), total_tokens: z.int() }),
  })
  .describe('EmbeddingResponse');
