import { z } from 'zod';
import { cursor, metadataSchema } from './ids.ts';
import { listOf } from './list.ts';
import { notHere, tokenLogprobSchema } from './sampling.ts';

const itemId = z.string().max(200);
const status = z.enum(['in_progress', 'completed', 'incomplete']);

// What a request may say.

const inputPart = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['input_text', 'output_text', 'text']), text: z.string() }),
  z.object({ type: z.literal('refusal'), refusal: z.string() }),
  z.object({ type: z.enum(['input_image', 'input_file', 'input_audio']) }),
]);
const inputContent = z.union([z.string(), z.array(inputPart).max(1000)]);
export type InputContent = z.infer<typeof inputContent>;

const inputItemSchema = z.union([
  z.object({
    type: z.literal('message').optional(),
    role: z.enum(['user', 'assistant', 'system', 'developer']),
    content: inputContent,
  }),
  z.object({
    type: z.literal('function_call'),
    call_id: z.string().max(256),
    name: z.string().max(256),
    arguments: z.string(),
  }),
  z.object({ type: z.literal('function_call_output'), call_id: z.string().max(256), output: inputContent }),
  z.object({ type: z.literal('reasoning') }),
]);
export type InputItem = z.infer<typeof inputItemSchema>;

const functionToolSchema = z.object({
  type: z.literal('function', { error: 'has to be function: this server has no tools of its own' }),
  name: z.string().min(1).max(256),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});

const toolChoiceSchema = z.union([
  z.enum(['none', 'auto', 'required']),
  z.object({ type: z.literal('function'), name: z.string().min(1).max(256) }),
]);

const formatSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    name: z.string().max(256),
    description: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
]);

export const responseRequestSchema = z.object({
  model: z.string().min(1).max(500),
  input: z.union([z.string(), z.array(inputItemSchema).min(1).max(10_000)]),
  instructions: z.string().nullish(),
  previous_response_id: z.string().max(200).nullish(),
  store: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  max_output_tokens: z.int().min(1).max(0x7fff_ffff).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  include: z.array(z.string().max(100)).max(32).nullish(),
  text: z.object({ format: formatSchema.nullish() }).nullish(),
  tools: z.array(functionToolSchema).max(128).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  metadata: metadataSchema.nullish(),
  truncation: z.literal('disabled', { error: 'has to be disabled: nothing is left out of a conversation' }).nullish(),
  user: z.string().max(512).nullish(),
  background: z.literal(false, { error: 'is not supported: stream the response' }).nullish(),
  conversation: notHere('give previous_response_id'),
  prompt: notHere('give instructions and input'),
});
export type ResponseRequest = z.infer<typeof responseRequestSchema>;

// What is told and kept.

const outputTextSchema = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.never()),
  logprobs: z.array(tokenLogprobSchema),
});
const reasoningTextSchema = z.object({ type: z.literal('reasoning_text'), text: z.string() });

const messageSchema = z.object({
  id: itemId,
  type: z.literal('message'),
  role: z.literal('assistant'),
  status,
  content: z.array(outputTextSchema),
});
const callSchema = z.object({
  id: itemId,
  type: z.literal('function_call'),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
  status,
});
const reasoningSchema = z.object({
  id: itemId,
  type: z.literal('reasoning'),
  summary: z.array(z.never()),
  content: z.array(reasoningTextSchema),
  status,
});
export const outputItemSchema = z.discriminatedUnion('type', [messageSchema, callSchema, reasoningSchema]);
export type OutputItem = z.infer<typeof outputItemSchema>;

export const keptItemSchema = z.union([
  outputItemSchema,
  z.object({
    id: itemId,
    type: z.literal('message'),
    role: z.enum(['user', 'system', 'developer']),
    status,
    content: z.array(z.object({ type: z.literal('input_text'), text: z.string() })),
  }),
  z.object({
    id: itemId,
    type: z.literal('function_call_output'),
    call_id: z.string(),
    output: z.string(),
    status,
  }),
]);
export type KeptItem = z.infer<typeof keptItemSchema>;

export const responseSchema = z
  .object({
    id: z.string().regex(/^resp_[0-9a-f]{32}$/),
    object: z.literal('response'),
    created_at: z.int(),
    completed_at: z.int().nullable(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
    error: z.object({ code: z.enum(['server_error', 'rate_limit_exceeded']), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.literal('max_output_tokens') }).nullable(),
    model: z.string(),
    instructions: z.string().nullable(),
    previous_response_id: z.string().nullable(),
    output: z.array(outputItemSchema),
    max_output_tokens: z.int().nullable(),
    temperature: z.number(),
    top_p: z.number(),
    top_logprobs: z.int(),
    text: z.object({ format: formatSchema }),
    tools: z.array(functionToolSchema),
    tool_choice: toolChoiceSchema,
    parallel_tool_calls: z.boolean(),
    truncation: z.literal('disabled'),
    store: z.boolean(),
    background: z.literal(false),
    metadata: z.record(z.string(), z.string()),
    user: z.string().optional(),
    usage: z
      .object({
        input_tokens: z.int(),
        input_tokens_details: z.object({ cached_tokens: z.int() }),
        output_tokens: z.int(),
        output_tokens_details: z.object({ reasoning_tokens: z.int() }),
        total_tokens: z.int(),
      })
      .nullable(),
  })
  .describe('Response');
export type WireResponse = z.infer<typeof responseSchema>;

const event = <Type extends string, Fields extends z.ZodRawShape>(type: Type, fields: Fields) =>
  z.strictObject({ type: z.literal(type), sequence_number: z.int().min(0), ...fields });
const place = { output_index: z.int(), item_id: itemId };
const part = { ...place, content_index: z.int() };
const whole = { response: responseSchema.strict() };
const item = { output_index: z.int(), item: outputItemSchema };
const anyPart = { part: z.union([outputTextSchema, reasoningTextSchema]) };
const logprobs = { logprobs: z.array(tokenLogprobSchema) };

export const responseEventSchema = z.discriminatedUnion('type', [
  event('response.created', whole),
  event('response.in_progress', whole),
  event('response.completed', whole),
  event('response.incomplete', whole),
  event('response.failed', whole),
  event('response.output_item.added', item),
  event('response.output_item.done', item),
  event('response.content_part.added', { ...part, ...anyPart }),
  event('response.content_part.done', { ...part, ...anyPart }),
  event('response.output_text.delta', { ...part, ...logprobs, delta: z.string() }),
  event('response.output_text.done', { ...part, ...logprobs, text: z.string() }),
  event('response.reasoning_text.delta', { ...part, delta: z.string() }),
  event('response.reasoning_text.done', { ...part, text: z.string() }),
  event('response.function_call_arguments.delta', { ...place, delta: z.string() }),
  event('response.function_call_arguments.done', { ...place, name: z.string(), arguments: z.string() }),
]);
export type ResponseEvent = z.infer<typeof responseEventSchema>;

export const responseParams = z.object({ response_id: z.string().max(200) });
export const responseQuery = z.object({
  stream: z.literal('false', { error: 'is not supported: a response is streamed once, as it is made' }).optional(),
});
export const inputItemsQuery = z.object({ ...cursor(100, 20), order: z.enum(['asc', 'desc']).default('desc') });
export const inputItemListSchema = listOf(keptItemSchema);
export const deletedResponseSchema = z.object({
  id: z.string(),
  object: z.literal('response'),
  deleted: z.literal(true),
});
