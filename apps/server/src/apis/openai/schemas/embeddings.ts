import { z } from 'zod';

const text = z.string().min(1);
const tokens = z.array(z.int().min(0).max(0x7fff_ffff)).min(1);
const MOST_INPUTS = 16_384;

export const embeddingRequestSchema = z.object({
  model: z.string().min(1).max(500),
  input: z.union([text, tokens, z.array(text).min(1).max(MOST_INPUTS), z.array(tokens).min(1).max(MOST_INPUTS)]),
  dimensions: z.int().min(1).max(0x7fff_ffff).nullish(),
  encoding_format: z.enum(['float', 'base64']).default('float'),
  user: z.string().max(512).nullish(),
});

export const embeddingResponseSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        index: z.int(),
        embedding: z.union([z.array(z.number()), z.base64()]),
      }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .describe('CreateEmbeddingResponse');
