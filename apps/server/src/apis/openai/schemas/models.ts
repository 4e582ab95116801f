import { z } from 'zod';

export const modelParams = z.object({ model: z.string().min(1).max(500) });

export const modelSchema = z
  .object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })
  .describe('Model');
export const modelListSchema = z.object({ object: z.literal('list'), data: z.array(modelSchema) });
export const deletedModelSchema = z.object({ id: z.string(), object: z.literal('model'), deleted: z.literal(true) });
