import { z } from 'zod';
import { stopSchema, maxTokensSchema, seedSchema } from './completions.ts';
import { responseFormatSchema, toolSchema } from './messages.ts';
import { paging } from './query.ts';
import { storedText } from './text.ts';

/** Characters of instructions: some 100,000 tokens. */
const LONGEST_INSTRUCTIONS = 400_000;

const penaltySchema = z.number().min(-2).max(2).nullish();

export const completionArgsSchema = z
  .strictObject({
    stop: z.union([stopSchema, z.array(stopSchema).max(16)]).nullish(),
    presence_penalty: penaltySchema,
    frequency_penalty: penaltySchema,
    temperature: z.number().min(0).max(1).nullish().describe('0.3 where neither request nor agent says otherwise'),
    top_p: z.number().min(0).max(1).nullish(),
    max_tokens: maxTokensSchema.nullish().describe('Of each generation; 0 or absent: as many as the context holds'),
    random_seed: seedSchema.nullish(),
    prediction: z
      .strictObject({ type: z.literal('content').default('content'), content: z.string().default('') })
      .nullish()
      .describe('Taken as what it is, a guess: it changes nothing in the answer'),
    response_format: responseFormatSchema.nullish(),
    tool_choice: z
      .enum(['auto', 'none', 'any', 'required'])
      .nullish()
      .describe('Of the first generation of a response'),
  })
  .describe('CompletionArgs');
export type CompletionArgs = z.infer<typeof completionArgsSchema>;

export const connectors = [
  'web_search',
  'web_search_premium',
  'code_interpreter',
  'image_generation',
  'document_library',
] as const;
export const connectorSchema = z.enum(connectors);
export type Connector = z.infer<typeof connectorSchema>;

export const agentToolSchema = z.discriminatedUnion('type', [
  toolSchema.extend({ type: z.literal('function') }),
  z.strictObject({ type: z.literal('web_search') }),
  z.strictObject({ type: z.literal('web_search_premium') }),
  z.strictObject({ type: z.literal('code_interpreter') }),
  z.strictObject({ type: z.literal('image_generation') }),
  z.strictObject({ type: z.literal('document_library'), library_ids: z.array(z.string().max(200)).min(1).max(100) }),
]);
export type WireTool = z.infer<typeof agentToolSchema>;

/** A tool of a request; `function` is what it is where it does not say. */
export const givenToolsSchema = z
  .array(
    z.preprocess(
      (tool) => (typeof tool === 'object' && tool !== null && !('type' in tool) ? { type: 'function', ...tool } : tool),
      agentToolSchema,
    ),
  )
  .max(128);

const described = {
  instructions: storedText(LONGEST_INSTRUCTIONS).nullish().describe('What the model follows in the conversation'),
  tools: givenToolsSchema.nullish(),
  completion_args: completionArgsSchema.nullish(),
  description: storedText(10_000).nullish(),
  handoffs: z.array(z.string().max(200)).min(1).max(64).nullish().describe('Agents that it may hand over to'),
};
const nameSchema = storedText(500).min(1);
const modelSchema = storedText(500).min(1);

export const agentCreateSchema = z.strictObject({ ...described, model: modelSchema, name: nameSchema });
export const agentUpdateSchema = z.strictObject({
  ...described,
  model: modelSchema.nullish(),
  name: nameSchema.nullish(),
});

export const agentSchema = z
  .object({
    object: z.literal('agent'),
    id: z.string(),
    version: z.int(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    instructions: z.string().nullable(),
    tools: z.array(agentToolSchema),
    completion_args: completionArgsSchema,
    model: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    handoffs: z.array(z.string()).nullable(),
    versions: z.array(z.int()).describe('Newer clients ask for it'),
    deployment_chat: z.literal(false).describe('Newer clients ask for it'),
    source: z.literal('api').describe('Newer clients ask for it'),
  })
  .describe('Agent');

export const agentParams = z.object({ agent_id: z.string().max(200) });
export const versionQuery = z.object({ version: z.coerce.number().int().min(0).max(0x7fff_ffff) });
export const agentListQuery = z.object({ ...paging, page_size: z.coerce.number().int().min(1).max(1000).default(20) });
