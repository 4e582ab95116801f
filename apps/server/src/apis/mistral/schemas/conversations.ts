import { z } from 'zod';
import { agentToolSchema, completionArgsSchema, givenToolsSchema } from './agents.ts';
import { entrySchema, inputsSchema, messageInputEntry, messageOutputEntry } from './entries.ts';
import { paging } from './query.ts';
import { storedText } from './text.ts';

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
