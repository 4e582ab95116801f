import { z } from 'zod';
import { connectorSchema } from './agents.ts';
import { documentChunkSchema, imageChunkSchema, textChunkSchema } from './messages.ts';

const toolFileSchema = z.strictObject({
  type: z.literal('tool_file').default('tool_file'),
  tool: connectorSchema,
  file_id: z.string(),
  file_name: z.string().nullish(),
  file_type: z.string().nullish(),
});

const inputChunkSchema = z.union([textChunkSchema, imageChunkSchema, documentChunkSchema, toolFileSchema]);
export const outputChunkSchema = z.union([
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

const entry = {
  object: z.literal('entry'),
  id: z.string(),
  created_at: z.iso.datetime(),
  completed_at: z.iso.datetime().nullable(),
};
export const messageInputEntry = z.object({
  ...entry,
  type: z.literal('message.input'),
  role: z.enum(['assistant', 'user']),
  content: contentSchema,
  prefix: z.literal(false),
});
export const messageOutputEntry = z.object({
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
