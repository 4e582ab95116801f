import { z } from 'zod';
import { samplingFields, usageSchema } from './sampling.ts';

const tokens = z.array(z.int().min(0).max(0x7fff_ffff)).min(1);
const MOST_PROMPTS = 128;

export const completionRequestSchema = z.object({
  ...samplingFields,
  prompt: z.union([
    z.string(),
    tokens,
    z.array(z.string()).min(1).max(MOST_PROMPTS),
    z.array(tokens).min(1).max(MOST_PROMPTS),
  ]),
  suffix: z.string().nullish().describe('What follows the text: the hole between is filled'),
  max_tokens: z.int().min(1).max(0x7fff_ffff).nullish(),
  echo: z.boolean().nullish(),
  logprobs: z.int().min(0).max(20).nullish(),
  best_of: z.int().nullish().describe('Taken where it is n'),
});
export type CompletionRequest = z.infer<typeof completionRequestSchema>;

const choiceSchema = z.object({
  index: z.int(),
  text: z.string(),
  logprobs: z
    .object({
      tokens: z.array(z.string()),
      token_logprobs: z.array(z.number()),
      top_logprobs: z.array(z.record(z.string(), z.number())),
      text_offset: z.array(z.int()),
    })
    .nullable(),
  finish_reason: z.enum(['stop', 'length']).nullable(),
});

/** The same shape whole and in parts. */
export const completionSchema = z
  .object({
    id: z.string(),
    object: z.literal('text_completion'),
    created: z.int(),
    model: z.string(),
    system_fingerprint: z.string(),
    choices: z.array(choiceSchema),
    usage: usageSchema.nullable().optional(),
  })
  .describe('CreateCompletionResponse');
