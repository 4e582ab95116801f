/** What the process says on standard output, one JSON object a line. */
import { z } from 'zod';

export const eventSchema = z.discriminatedUnion('type', [
  /** Work on `tensor` begins; `done` of `total` are finished. */
  z.object({ type: z.literal('progress'), tensor: z.string(), done: z.number(), total: z.number() }),
  z.object({ type: z.literal('done'), file: z.string() }),
  z.object({
    type: z.literal('error'),
    code: z.string(),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    message: z.string(),
  }),
]);
export type ConvertEvent = z.output<typeof eventSchema>;
