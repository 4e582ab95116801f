import { z } from 'zod';

export function listOf<T extends z.ZodType>(schema: T) {
  return z.object({
    object: z.literal('list'),
    data: z.array(schema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}
