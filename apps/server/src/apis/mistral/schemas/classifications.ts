import { z } from 'zod';
import { MOST_INPUTS, textInputSchema } from './embeddings.ts';
import { messagesSchema } from './messages.ts';

const modelSchema = z.string().min(1).max(500);

export const classificationRequestSchema = z
  .strictObject({ model: modelSchema, input: textInputSchema })
  .describe('ClassificationRequest');

const instructSchema = z.strictObject({ messages: messagesSchema });

export const chatClassificationRequestSchema = z
  .strictObject({
    model: modelSchema,
    input: z.union([instructSchema, z.array(instructSchema).min(1).max(MOST_INPUTS)]),
  })
  .describe('ChatClassificationRequest');

export const classificationResponseSchema = z
  .object({
    id: z.string(),
    model: z.string(),
    results: z.array(z.record(z.string(), z.object({ scores: z.record(z.string(), z.number()) }))),
  })
  .describe('ClassificationResponse');
