import { z } from 'zod';

export const textChunkSchema = z.strictObject({ type: z.literal('text').default('text'), text: z.string() });
export const imageChunkSchema = z.strictObject({
  type: z.literal('image_url').default('image_url'),
  image_url: z.union([z.string(), z.strictObject({ url: z.string(), detail: z.string().nullish() })]),
});
export const documentChunkSchema = z.strictObject({
  type: z.literal('document_url').default('document_url'),
  document_url: z.string(),
  document_name: z.string().nullish(),
});
export const contentChunkSchema = z.union([
  textChunkSchema,
  imageChunkSchema,
  documentChunkSchema,
  z.strictObject({ type: z.literal('reference').default('reference'), reference_ids: z.array(z.int()) }),
]);
export type ContentChunk = z.infer<typeof contentChunkSchema>;

const contentSchema = z.union([z.string(), z.array(contentChunkSchema).max(1000), z.null()]);

export const toolCallSchema = z.strictObject({
  id: z.string().max(256).default('null'),
  type: z.literal('function').default('function'),
  function: z.strictObject({
    name: z.string().max(256),
    arguments: z.union([z.record(z.string(), z.unknown()), z.string()]),
  }),
  index: z.int().default(0),
});

const systemMessageSchema = z.strictObject({
  role: z.literal('system'),
  content: z.union([z.string(), z.array(textChunkSchema).max(1000)]),
});
const userMessageSchema = z.strictObject({ role: z.literal('user'), content: contentSchema });
const assistantMessageSchema = z.strictObject({
  role: z.literal('assistant'),
  content: contentSchema.optional(),
  tool_calls: z.array(toolCallSchema).max(128).nullish(),
  prefix: z.boolean().default(false),
});
const toolMessageSchema = z.strictObject({
  role: z.literal('tool'),
  content: contentSchema,
  tool_call_id: z.string().max(256).nullish(),
  name: z.string().max(256).nullish(),
});

export const messageSchema = z.discriminatedUnion('role', [
  systemMessageSchema,
  userMessageSchema,
  assistantMessageSchema,
  toolMessageSchema,
]);
export type Message = z.infer<typeof messageSchema>;
export const messagesSchema = z.array(messageSchema).min(1).max(10_000);

export const toolSchema = z.strictObject({
  type: z.literal('function').default('function'),
  function: z.strictObject({
    name: z.string().min(1).max(256),
    description: z.string().default(''),
    strict: z.boolean().default(false),
    parameters: z.record(z.string(), z.unknown()),
  }),
});

export const toolChoiceSchema = z.union([
  z.enum(['auto', 'none', 'any', 'required']),
  z.strictObject({
    type: z.literal('function').default('function'),
    function: z.strictObject({ name: z.string().min(1).max(256) }),
  }),
]);

export const responseFormatSchema = z.strictObject({
  type: z.enum(['text', 'json_object', 'json_schema']).default('text'),
  json_schema: z
    .strictObject({
      name: z.string().max(256),
      description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()),
      strict: z.boolean().default(false),
    })
    .nullish(),
});
