import { z } from 'zod';
import { agentToolSchema, completionArgsSchema, connectorSchema, givenToolsSchema } from './agents.ts';
import { errorResponses } from './errors.ts';
import { documentChunkSchema, imageChunkSchema, textChunkSchema } from './messages.ts';
import { paging } from './query.ts';
import { storedText } from './text.ts';

const toolFileSchema = z.strictObject({
  type: z.literal('tool_file').default('tool_file'),
  tool: connectorSchema,
  file_id: z.string(),
  file_name: z.string().nullish(),
  file_type: z.string().nullish(),
});

const inputChunkSchema = z.union([textChunkSchema, imageChunkSchema, documentChunkSchema, toolFileSchema]);
const outputChunkSchema = z.union([
  ...inputChunkSchema.options,
  z.strictObject({
    type: z.literal('tool_reference').default('tool_reference'),
    tool: connectorSchema,
    title: z.string(),
    url: z.string().nullish(),
    source: z.string().nullish(),
  }),
]);
const contentSchema = z.union([z.string(), z.array(inputChunkSchema).max(1000)]);
/** Text alone is a string. */
const outputContentSchema = z.union([z.string(), z.array(outputChunkSchema)]);
export type InputContent = z.infer<typeof contentSchema>;

/** What a client that sends an entry back may leave in it; the server gives its own. */
const returned = {
  object: z.literal('entry').default('entry'),
  id: z.string().max(200).optional(),
  created_at: z.string().max(64).optional(),
  completed_at: z.string().max(64).nullish(),
};

const messageInputSchema = z.strictObject({
  ...returned,
  type: z.literal('message.input').default('message.input'),
  role: z.enum(['assistant', 'user']),
  content: contentSchema,
  prefix: z.literal(false).optional().describe('Newer clients send it'),
});
const functionResultSchema = z.strictObject({
  ...returned,
  type: z.literal('function.result').default('function.result'),
  tool_call_id: z.string().max(256),
  result: z.string(),
});

export const inputsSchema = z.union([
  z.string(),
  z.array(z.union([messageInputSchema, functionResultSchema])).max(10_000),
]);
export type WireInputs = z.infer<typeof inputsSchema>;

const handoffExecutionSchema = z.enum(['client', 'server']);

export const startSchema = z.strictObject({
  inputs: inputsSchema,
  stream: z.boolean().nullish(),
  store: z.boolean().nullish().describe('False: nothing is kept, and the conversation cannot be gone on with'),
  handoff_execution: handoffExecutionSchema.nullish(),
  instructions: storedText(400_000).nullish(),
  tools: givenToolsSchema.nullish(),
  completion_args: completionArgsSchema.nullish(),
  name: storedText(500).nullish(),
  description: storedText(10_000).nullish(),
  agent_id: z.string().max(200).nullish(),
  model: storedText(500).min(1).nullish(),
});

export const appendSchema = z.strictObject({
  inputs: inputsSchema,
  stream: z.boolean().default(false),
  store: z.boolean().default(true).describe('False: nothing of this response is kept'),
  handoff_execution: handoffExecutionSchema.default('server'),
  completion_args: completionArgsSchema.nullish(),
});
export type AppendRequest = z.infer<typeof appendSchema>;

export const restartSchema = appendSchema.extend({ from_entry_id: z.string().max(200) });

const entry = {
  object: z.literal('entry'),
  id: z.string(),
  created_at: z.iso.datetime(),
  completed_at: z.iso.datetime().nullable(),
};
const messageInputEntry = z.object({
  ...entry,
  type: z.literal('message.input'),
  role: z.enum(['assistant', 'user']),
  content: contentSchema,
  prefix: z.literal(false),
});
const messageOutputEntry = z.object({
  ...entry,
  type: z.literal('message.output'),
  agent_id: z.string().nullable(),
  model: z.string(),
  role: z.literal('assistant'),
  content: outputContentSchema,
});
const functionCallEntry = z.object({
  ...entry,
  type: z.literal('function.call'),
  tool_call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
});
const functionResultEntry = z.object({
  ...entry,
  type: z.literal('function.result'),
  tool_call_id: z.string(),
  result: z.string(),
});
const toolExecutionEntry = z.object({
  ...entry,
  type: z.literal('tool.execution'),
  name: connectorSchema,
  arguments: z.string().describe('Newer clients ask for it'),
  info: z.record(z.string(), z.unknown()).describe('`error` with a code and a message where the tool failed'),
});
const agentHandoffEntry = z.object({
  ...entry,
  type: z.literal('agent.handoff'),
  previous_agent_id: z.string(),
  previous_agent_name: z.string(),
  next_agent_id: z.string(),
  next_agent_name: z.string(),
});

export const outputEntrySchema = z.discriminatedUnion('type', [
  messageOutputEntry,
  toolExecutionEntry,
  functionCallEntry,
  agentHandoffEntry,
]);
export const entrySchema = z.discriminatedUnion('type', [
  messageInputEntry,
  functionResultEntry,
  messageOutputEntry,
  toolExecutionEntry,
  functionCallEntry,
  agentHandoffEntry,
]);
export type WireEntry = z.infer<typeof entrySchema>;

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

const conversation = {
  object: z.literal('conversation'),
  id: z.string(),
  name: z.string().nullable(),
  description: z.string().nullable(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
};
export const conversationSchema = z.union([
  z.object({ ...conversation, agent_id: z.string() }).describe('AgentConversation'),
  z
    .object({
      ...conversation,
      model: z.string(),
      instructions: z.string().nullable(),
      tools: z.array(agentToolSchema),
      completion_args: completionArgsSchema,
    })
    .describe('ModelConversation'),
]);

export const historySchema = z.object({
  object: z.literal('conversation.history'),
  conversation_id: z.string(),
  entries: z.array(entrySchema),
});
export const conversationMessagesSchema = z.object({
  object: z.literal('conversation.messages'),
  conversation_id: z.string(),
  messages: z.array(z.discriminatedUnion('type', [messageInputEntry, messageOutputEntry])),
});

export const conversationParams = z.object({ conversation_id: z.string().max(200) });
export const conversationListQuery = z.object(paging);

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
