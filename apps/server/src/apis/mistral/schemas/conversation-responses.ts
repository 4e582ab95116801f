import { z } from 'zod';
import { connectorSchema } from './agents.ts';
import { outputChunkSchema, outputEntrySchema } from './entries.ts';
import { errorResponses } from './errors.ts';

export const usageSchema = z
  .object({
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    total_tokens: z.int(),
    connector_tokens: z.int().nullable(),
    connectors: z.record(z.string(), z.int()).nullable(),
  })
  .describe('ConversationUsageInfo');

export const conversationResponseSchema = z
  .object({
    object: z.literal('conversation.response'),
    conversation_id: z.string(),
    outputs: z.array(outputEntrySchema),
    usage: usageSchema,
  })
  .describe('ConversationResponse');

const eventTypes = [
  'conversation.response.started',
  'conversation.response.done',
  'conversation.response.error',
  'message.output.delta',
  'tool.execution.started',
  'tool.execution.done',
  'agent.handoff.started',
  'agent.handoff.done',
  'function.call.delta',
] as const;
const event = { created_at: z.iso.datetime() };
const ofOutput = { ...event, output_index: z.int(), id: z.string() };

/** The `data` of each event of a stream; its `event` line says the same type. */
export const conversationEventSchema = z.discriminatedUnion('type', [
  z.object({ ...event, type: z.literal('conversation.response.started'), conversation_id: z.string() }),
  z.object({ ...event, type: z.literal('conversation.response.done'), usage: usageSchema }),
  z.object({ ...event, type: z.literal('conversation.response.error'), message: z.string(), code: z.int() }),
  z.object({
    ...ofOutput,
    type: z.literal('message.output.delta'),
    content_index: z.int(),
    model: z.string(),
    agent_id: z.string().nullable(),
    role: z.literal('assistant'),
    content: z.union([z.string(), outputChunkSchema]),
  }),
  z.object({
    ...ofOutput,
    type: z.literal('function.call.delta'),
    name: z.string(),
    tool_call_id: z.string(),
    arguments: z.string().describe('More of the text; all pieces of one id together are the arguments'),
  }),
  z.object({ ...ofOutput, type: z.literal('tool.execution.started'), name: connectorSchema, arguments: z.string() }),
  z.object({
    ...ofOutput,
    type: z.literal('tool.execution.done'),
    name: connectorSchema,
    info: z.record(z.string(), z.unknown()),
  }),
  z.object({
    ...ofOutput,
    type: z.literal('agent.handoff.started'),
    previous_agent_id: z.string(),
    previous_agent_name: z.string(),
  }),
  z.object({
    ...ofOutput,
    type: z.literal('agent.handoff.done'),
    next_agent_id: z.string(),
    next_agent_name: z.string(),
  }),
]);
export type ConversationEvent = z.infer<typeof conversationEventSchema>;

/** What start, append and restart answer: the whole, or with `stream` its events. */
export const conversationResponses = {
  200: {
    description: 'The response; with `stream`, server-sent events whose names are the types of their data',
    content: {
      'application/json': { schema: conversationResponseSchema },
      'text/event-stream': {
        schema: z.object({ event: z.enum(eventTypes), data: conversationEventSchema }).describe('ConversationEvents'),
      },
    },
  },
  ...errorResponses,
};
