import { z } from 'zod';
import { metadataSchema } from './ids.ts';
import { messageSchema, responseFormatSchema, toolCallSchema, toolChoiceSchema, toolSchema } from './messages.ts';
import { notHere, samplingFields, tokenLogprobSchema, usageSchema } from './sampling.ts';

const maxTokens = z.int().min(1).max(0x7fff_ffff).nullish();

export const chatRequestSchema = z.object({
  ...samplingFields,
  messages: z.array(messageSchema).min(1).max(10_000),
  max_tokens: maxTokens,
  max_completion_tokens: maxTokens,
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  tools: z.array(toolSchema).max(128).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: responseFormatSchema.nullish(),
  metadata: metadataSchema.nullish(),
  store: z.boolean().nullish().describe('Taken and left alone: chat completions are not kept'),
  modalities: z.array(z.literal('text')).nullish(),
  audio: notHere('models here write text'),
  functions: notHere('give tools'),
  function_call: notHere('give tool_choice'),
  web_search_options: notHere('this server does not search'),
});
export type ChatRequest = z.infer<typeof chatRequestSchema>;

const finishReasonSchema = z.enum(['stop', 'length', 'tool_calls']);
const logprobsSchema = z.object({ content: z.array(tokenLogprobSchema).nullable(), refusal: z.null() });
const head = { id: z.string(), created: z.int(), model: z.string(), system_fingerprint: z.string() };

export const chatCompletionSchema = z
  .object({
    ...head,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.null(),
          reasoning_content: z.string().optional().describe('What a model thinks before it answers'),
          tool_calls: z.array(toolCallSchema).optional(),
        }),
        logprobs: logprobsSchema.nullable(),
        finish_reason: finishReasonSchema,
      }),
    ),
    usage: usageSchema,
  })
  .describe('CreateChatCompletionResponse');

export const chatChunkSchema = z.object({
  ...head,
  object: z.literal('chat.completion.chunk'),
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({
        role: z.literal('assistant').optional(),
        content: z.string().optional(),
        reasoning_content: z.string().optional(),
        tool_calls: z
          .array(
            z.object({
              index: z.int(),
              id: z.string().optional(),
              type: z.literal('function').optional(),
              function: z.object({ name: z.string().optional(), arguments: z.string() }),
            }),
          )
          .optional(),
      }),
      logprobs: logprobsSchema.nullable(),
      finish_reason: finishReasonSchema.nullable(),
    }),
  ),
  usage: usageSchema.nullable().optional(),
});
