/** What the renderer and its process say to each other, checked on arrival on both sides. */
import { z } from 'zod';

export const renderRequestSchema = z.strictObject({
  id: z.int(),
  template: z.string(),
  bosToken: z.string(),
  eosToken: z.string(),
  now: z.number().exactOptional(),
  /** Milliseconds of processor time after which the process ends itself. */
  cpuLimitMs: z.number(),
  /** `maxLength` is the longest text allowed to come out, in UTF-16 code units. */
  inputs: z.array(
    z.strictObject({
      messages: z.array(z.unknown()),
      tools: z.array(z.unknown()).nullable(),
      addGenerationPrompt: z.boolean(),
      maxLength: z.int(),
    }),
  ),
});
export type RenderRequest = z.infer<typeof renderRequestSchema>;

const renderResultSchema = z.union([z.strictObject({ text: z.string() }), z.strictObject({ failure: z.string() })]);
export type RenderResult = z.infer<typeof renderResultSchema>;

export const renderReplySchema = z.union([
  z.strictObject({ ready: z.literal(true) }),
  z.strictObject({ id: z.int(), results: z.array(renderResultSchema) }),
]);
export type RenderReply = z.infer<typeof renderReplySchema>;
