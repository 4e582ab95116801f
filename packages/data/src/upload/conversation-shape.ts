import { z } from 'zod';
import type { ChatMessage, Tool } from '../records/message.ts';
import { requireOrder } from './conversation-rules.ts';
import { maxMessages, maxTools } from './limits.ts';
import { fieldOf, parseRow, type Shape } from './shape.ts';
import { RowProblem } from './row-problem.ts';

export type ConversationOptions = {
  readonly roles: readonly ChatMessage['role'][];
  /** Field of the list of messages. */
  readonly field?: string;
  /** Tool calls and the tools they name; without, both are unknown fields. `callId` is how their ids must look. */
  readonly tools?: { readonly callId: RegExp; readonly callIdDescription: string };
  /** Whether a conversation may end with calls, which are then what is learnt. */
  readonly callsAtEnd?: boolean;
};

const argumentsSchema = z.unknown().transform((value, context) => {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  context.addIssue({ code: 'custom', message: value === undefined ? 'is missing' : 'must be JSON text or an object' });
  return z.NEVER;
});

const toolsSchema = z
  .array(
    z.object({
      type: z.literal('function').default('function'),
      function: z.object({
        name: z.string().min(1),
        description: z.string().nullish(),
        parameters: z.record(z.string(), z.unknown()).nullish(),
      }),
    }),
  )
  .max(maxTools)
  .nullish();

type ParsedCall = { id: string; type: 'function'; function: { name: string; arguments: string } };

type ParsedMessage = {
  role: ChatMessage['role'];
  content?: string | null | undefined;
  name?: string | null | undefined;
  weight?: number | null | undefined;
  tool_calls?: readonly ParsedCall[] | null | undefined;
  tool_call_id?: string | null | undefined;
};

type ParsedRow = { tools?: z.infer<typeof toolsSchema> } & { [field: string]: readonly ParsedMessage[] };

function rowSchema({ roles, field = 'messages', tools }: ConversationOptions): z.ZodType {
  const messageFields = {
    role: z.enum(roles),
    content: z.string().nullish(),
    name: z.string().nullish(),
    weight: z.number().min(0).max(100).nullish(),
  };
  const messages = (message: z.ZodType<ParsedMessage>): z.ZodType => z.array(message).min(1).max(maxMessages);
  if (tools === undefined) return z.strictObject({ [field]: messages(z.strictObject(messageFields)) });
  const call = z.strictObject({
    id: z.string().refine((id) => tools.callId.test(id), `must be ${tools.callIdDescription}`),
    type: z.literal('function').default('function'),
    function: z.strictObject({ name: z.string(), arguments: argumentsSchema }),
    index: z.int().nullish(),
  });
  const message = z.strictObject({
    ...messageFields,
    tool_calls: z.array(call).nullish(),
    tool_call_id: z.string().nullish(),
  });
  return z.strictObject({ [field]: messages(message), tools: toolsSchema });
}

/** A list of messages. Fields that are null count as absent. */
export function conversationShape(options: ConversationOptions): Shape {
  const { field = 'messages' } = options;
  const schema = rowSchema(options);
  return {
    marks: [field],
    description: field,
    convert(row) {
      const parsed = parseRow(schema, row) as ParsedRow;
      const messages = parsed[field]!.map((message, i) => chatMessage(message, [field, i]));
      const tools = parsed.tools?.map(tool);
      requireOrder(messages, tools, field, options);
      return { kind: 'conversation', messages, ...(tools !== undefined && tools.length > 0 && { tools }) };
    },
  };
}

function chatMessage(
  { role, content, name, weight, tool_calls: calls, tool_call_id: callId }: ParsedMessage,
  path: PropertyKey[],
): ChatMessage {
  const hasCalls = calls !== null && calls !== undefined && calls.length > 0;
  if (!hasCalls && typeof content !== 'string')
    throw new RowProblem(fieldOf([...path, 'content']), content === null ? 'must be a text' : 'is missing');
  return {
    role,
    content: content ?? '',
    ...(hasCalls && { tool_calls: calls.map(({ id, type, function: called }) => ({ id, type, function: called })) }),
    ...(typeof callId === 'string' && { tool_call_id: callId }),
    ...(typeof name === 'string' && { name }),
    ...(typeof weight === 'number' && { weight }),
  };
}

type ParsedTool = NonNullable<z.infer<typeof toolsSchema>>[number];

function tool({ type, function: { name, description, parameters } }: ParsedTool): Tool {
  return {
    type,
    function: { name, ...(typeof description === 'string' && { description }), ...(parameters && { parameters }) },
  };
}
