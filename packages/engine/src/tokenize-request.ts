import { z } from 'zod';
import { type AnyModel, modelRefSchema, promptInputSchema } from './generate-request.ts';

export const tokenizeRequestSchema = z.strictObject({
  model: modelRefSchema,
  /** Who asks; capacity is shared fairly between owners. */
  owner: z.string(),
  input: promptInputSchema,
  /** Gives the token ids beside their number. */
  tokens: z.boolean().default(false),
});
export type TokenizeRequest = AnyModel<z.input<typeof tokenizeRequestSchema>>;

export type TokenCount = { count: number; tokens?: number[] | undefined };
