import { z } from 'zod';
import { categories } from '../../../core/moderation/categories.ts';
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

/** 0.0.2 lets it be absent or null. */
const moderatorSchema = modelSchema.nullish().transform((name) => name ?? 'mistral-moderation-latest');

export const moderationRequestSchema = z
  .strictObject({ model: moderatorSchema, input: textInputSchema })
  .describe('ModerationRequest');

export const chatModerationRequestSchema = z
  .strictObject({
    model: moderatorSchema,
    input: z.union([messagesSchema, z.array(messagesSchema).min(1).max(MOST_INPUTS)]),
  })
  .describe('ChatModerationRequest');

export const moderationResponseSchema = z
  .object({
    id: z.string(),
    model: z.string(),
    results: z.array(
      z.object({
        categories: z.record(z.enum(categories), z.boolean()),
        category_scores: z.record(z.enum(categories), z.number().min(0).max(1)),
      }),
    ),
  })
  .describe('ModerationResponse');
