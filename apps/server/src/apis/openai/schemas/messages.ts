import { z } from 'zod';

const textPartSchema = z.object({ type: z.literal('text'), text: z.string() });
const refusalPartSchema = z.object({ type: z.literal('refusal'), refusal: z.string() });
/** Pictures, sounds and files; no model here takes them, which the translation says. */
const mediaPartSchema = z.object({ type: z.enum(['image_url', 'input_audio', 'file']) });
export const contentPartSchema = z.discriminatedUnion('type', [textPartSchema, refusalPartSchema, mediaPartSchema]);
export type ContentPart = z.infer<typeof contentPartSchema>;

const contentSchema = z.union([z.string(), z.array(contentPartSchema).max(1000)]);

export const toolCallSchema = z.object({
  id: z.string().max(256),
  type: z.literal('function').default('function'),
  function: z.object({ name: z.string().max(256), arguments: z.string() }),
});

const name = z.string().max(256).nullish();

export const messageSchema = z.discriminatedUnion('role', [
  z.object({ role: z.literal(['system', 'developer', 'user']), content: contentSchema, name }),
  z.object({
    role: z.literal('assistant'),
    content: contentSchema.nullish(),
    refusal: z.string().nullish(),
    tool_calls: z.array(toolCallSchema).max(128).nullish(),
    name,
  }),
  z.object({ role: z.literal('tool'), content: contentSchema, tool_call_id: z.string().max(256) }),
]);
export type Message = z.infer<typeof messageSchema>;

export const functionSchema = z.object({
  name: z.string().min(1).max(256),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});
export const toolSchema = z.object({ type: z.literal('function'), function: functionSchema });

export const toolChoiceSchema = z.union([
  z.enum(['auto', 'none', 'required']),
  z.object({ type: z.literal('function'), function: z.object({ name: z.string().min(1).max(256) }) }),
]);

export const responseFormatSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    json_schema: z.object({
      name: z.string().max(256),
      description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()).default({}),
      strict: z.boolean().nullish(),
    }),
  }),
]);
