import { z } from 'zod';

const maxCharacters = 4_000_000;

/** The sampling fields that completions and chat completions share. */
const samplingShape = {
  do_sample: z
    .boolean()
    .optional()
    .describe(
      'false: always the most likely token. Default: true when temperature, top_p or top_k is given, else false',
    ),
  temperature: z.number().min(0).max(100).optional().describe('Default: 1. 0 is the same as do_sample false'),
  max_new_tokens: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe("Default: 512. The model's context bounds it as well"),
  top_p: z.number().gt(0).max(1).optional().describe('Default: 1, off'),
  top_k: z.int().min(0).max(1_000_000).optional().describe('Default: 0, off'),
  no_repeat_ngram_size: z
    .int()
    .min(0)
    .max(1024)
    .optional()
    .describe('No sequence of this many tokens is generated twice. Default: 0, off'),
};

export const samplingSchema = z.object(samplingShape);

export const completionRequestSchema = z.strictObject({
  input: z
    .string()
    .max(maxCharacters)
    .describe('The prompt; a model with a chat template gets it as one user turn, as in training'),
  ...samplingShape,
});

export const chatRequestSchema = z.strictObject({
  messages: z
    .array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string().max(maxCharacters) }))
    .min(1)
    .max(10_000),
  streaming: z.boolean().optional().describe('true: the answer comes as server-sent events while it is generated'),
  ...samplingShape,
});

export const embeddingRequestSchema = z.strictObject({
  input: z.string().max(maxCharacters),
  target: z.string().max(maxCharacters).optional().describe('A text to compare the input with'),
  cosine: z.boolean().optional().describe('false: no cosine_score. Default: true where there is a target'),
  manhattan: z.boolean().optional().describe('true: the L1 distance of the two embeddings'),
  euclidean: z.boolean().optional().describe('true: the L2 distance of the two embeddings'),
});

export const classificationRequestSchema = z.strictObject({ input: z.string().max(maxCharacters) });

export const completionResponseSchema = z.object({ id: z.string(), response: z.string() });

/** One `data:` line of a stream. The last one but the end mark carries `finish_reason` and no text. */
export const chatChunkSchema = z.object({
  id: z.string(),
  response: z.string().describe('The next piece of text'),
  finish_reason: z.enum(['stop', 'length']).optional(),
});

export const embeddingResponseSchema = z.object({
  id: z.string(),
  response: z.object({
    input_embedding: z.array(z.number()),
    target_embedding: z.array(z.number()).optional(),
    cosine_score: z.number().optional(),
    manhattan_distance: z.number().optional(),
    euclidean_distance: z.number().optional(),
  }),
});

export const classificationResponseSchema = z.object({
  id: z.string(),
  response: z
    .string()
    .describe(
      'The likeliest class; for models trained on maps of labels, the map of each label to its probability as JSON; for regression, the number',
    ),
  scores: z
    .record(z.string(), z.number())
    .describe('The probability of each class or label; for regression, the number as value'),
});
