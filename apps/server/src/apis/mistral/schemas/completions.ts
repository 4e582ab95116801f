import { z } from 'zod';
import { errorResponses } from './errors.ts';
import {
  contentChunkSchema,
  messagesSchema,
  responseFormatSchema,
  toolChoiceSchema,
  toolCallSchema,
  toolSchema,
} from './messages.ts';

const MOST_STOPS = 16;
export const stopSchema = z.string().min(1).max(1024);
export const seedSchema = z.int().min(0);
export const maxTokensSchema = z.int().min(0).max(0x7fff_ffff);

/** What every kind of completion takes. */
const sampling = {
  temperature: z.number().min(0).max(1.5).nullish(),
  top_p: z.number().min(0).max(1).default(1),
};
const common = {
  max_tokens: maxTokensSchema.nullish().describe('0 or absent: as many as the context holds'),
  stream: z.boolean().default(false),
  stop: z.union([stopSchema, z.array(stopSchema).max(MOST_STOPS)]).optional(),
  random_seed: seedSchema.nullish(),
};
const chat = {
  messages: messagesSchema,
  response_format: responseFormatSchema.optional(),
  tools: z.array(toolSchema).max(128).nullish(),
  tool_choice: toolChoiceSchema.default('auto'),
  presence_penalty: z.number().min(-2).max(2).default(0),
  frequency_penalty: z.number().min(-2).max(2).default(0),
  n: z.int().min(1).max(16).nullish(),
  prediction: z
    .strictObject({ type: z.literal('content').default('content'), content: z.string().default('') })
    .optional()
    .describe('Taken as what it is, a guess: it changes nothing in the answer'),
  parallel_tool_calls: z.boolean().default(true),
};

const modelSchema = z.string().min(1).max(500);

export const chatRequestSchema = z.strictObject({
  model: modelSchema,
  ...sampling,
  ...common,
  ...chat,
  safe_prompt: z.boolean().default(false),
});
export type ChatRequest = z.infer<typeof chatRequestSchema>;

/** What is absent here is the agent's to say. */
export const agentsRequestSchema = z.strictObject({
  agent_id: z.string().min(1).max(200),
  ...common,
  ...chat,
  tool_choice: toolChoiceSchema.optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
});

export const fimRequestSchema = z.strictObject({
  model: modelSchema.default('codestral-2405'),
  ...sampling,
  ...common,
  prompt: z.string(),
  suffix: z.string().nullish(),
  min_tokens: z.int().min(0).max(0x7fff_ffff).nullish(),
});

/** Of the platform's answers a text; of the description's either. */
const answerContentSchema = z.union([z.string(), z.array(contentChunkSchema)]);

const usageSchema = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });

export const completionSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  usage: usageSchema,
  choices: z.array(
    z.object({
      index: z.int(),
      message: z.object({
        role: z.literal('assistant'),
        content: answerContentSchema,
        tool_calls: z.array(toolCallSchema).nullable(),
        prefix: z.literal(false),
      }),
      finish_reason: z.enum(['stop', 'length', 'model_length', 'error', 'tool_calls']),
    }),
  ),
});

export const completionChunkSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({
        role: z.literal('assistant').optional(),
        content: answerContentSchema,
        tool_calls: z.array(toolCallSchema).optional(),
      }),
      finish_reason: z.enum(['stop', 'length', 'error', 'tool_calls']).nullable(),
    }),
  ),
  usage: usageSchema.optional(),
});

/** The whole; with `stream`, events without names that carry chunks, and `[DONE]` after the last. */
export const completionResponses = {
  200: {
    description: 'The completion; with `stream`, server-sent events: chunks as JSON, `[DONE]` after the last',
    content: {
      'application/json': { schema: completionSchema },
      'text/event-stream': { schema: z.object({ data: completionChunkSchema }) },
    },
  },
  ...errorResponses,
};
