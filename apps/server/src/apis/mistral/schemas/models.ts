import { z } from 'zod';
import { classifierTargetsSchema } from './fine-tuning.ts';

export const modelParams = z.object({ model_id: z.string().min(1).max(500) });

const capabilitiesSchema = z.object({
  completion_chat: z.boolean(),
  completion_fim: z.boolean(),
  function_calling: z.boolean(),
  fine_tuning: z.boolean(),
  vision: z.boolean(),
  classification: z.boolean(),
});

const card = {
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  capabilities: capabilitiesSchema,
  name: z.string().nullable(),
  description: z.string().nullable(),
  max_context_length: z.int(),
  aliases: z.array(z.string()),
  deprecation: z.iso.datetime().nullable(),
  default_model_temperature: z.number().nullable(),
};

export const baseModelCardSchema = z.object({ ...card, type: z.literal('base') }).describe('BaseModelCard');
export const fineTunedModelCardSchema = z
  .object({ ...card, type: z.literal('fine-tuned'), job: z.uuid(), root: z.string(), archived: z.boolean() })
  .describe('FTModelCard');
export const modelCardSchema = z.discriminatedUnion('type', [baseModelCardSchema, fineTunedModelCardSchema]);
export const modelListSchema = z.object({ object: z.literal('list'), data: z.array(modelCardSchema) });

export const deletedModelSchema = z.object({ id: z.string(), object: z.literal('model'), deleted: z.literal(true) });
export const archivedModelSchema = z.object({ id: z.string(), object: z.literal('model'), archived: z.boolean() });

export const modelUpdateSchema = z.strictObject({
  name: z.string().max(200).nullish(),
  description: z.string().max(2000).nullish(),
});

const fineTuned = {
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  root: z.string(),
  root_version: z.string().describe('An extension that clients require'),
  workspace_id: z.string().describe('An extension that clients require'),
  archived: z.boolean(),
  name: z.string().nullable(),
  description: z.string().nullable(),
  capabilities: capabilitiesSchema.omit({ vision: true }),
  max_context_length: z.int(),
  aliases: z.array(z.string()),
  job: z.uuid(),
};

export const fineTunedModelSchema = z.discriminatedUnion('model_type', [
  z.object({ ...fineTuned, model_type: z.literal('completion') }),
  z.object({
    ...fineTuned,
    model_type: z.literal('classifier'),
    classifier_targets: classifierTargetsSchema,
  }),
]);
