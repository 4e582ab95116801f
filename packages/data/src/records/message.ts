import { z } from 'zod';

export const messageRoles = ['system', 'user', 'assistant', 'tool'] as const;

/** A call of a function that an assistant asks for; `arguments` is JSON text, as models write it. */
const toolCallSchema = z.object({
  id: z.string(),
  type: z.literal('function'),
  function: z.object({ name: z.string(), arguments: z.string() }),
});
export type ToolCall = z.infer<typeof toolCallSchema>;

/** One turn of a conversation. `weight` multiplies the loss of an assistant's tokens, 1 when absent. */
export const chatMessageSchema = z.object({
  role: z.enum(messageRoles),
  content: z.string(),
  tool_calls: z.array(toolCallSchema).min(1).exactOptional(),
  tool_call_id: z.string().exactOptional(),
  name: z.string().exactOptional(),
  weight: z.number().min(0).exactOptional(),
});
export type ChatMessage = z.infer<typeof chatMessageSchema>;

/** A function that a conversation offers to the assistant; `parameters` is a JSON schema. */
export const toolSchema = z.object({
  type: z.literal('function'),
  function: z.object({
    name: z.string(),
    description: z.string().exactOptional(),
    parameters: z.record(z.string(), z.unknown()).exactOptional(),
  }),
});
export type Tool = z.infer<typeof toolSchema>;
