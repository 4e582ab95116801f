/** What a generation gives. */
import { z } from 'zod';

const candidateSchema = z.strictObject({
  /** Absent where a remote server does not tell. */
  token: z.int().min(0).optional(),
  /** What the token stands for; half a character is U+FFFD. */
  text: z.string(),
  bytes: z.array(z.int().min(0).max(255)),
  /** Natural logarithm, at least -9999. */
  logprob: z.number(),
});

/**
 * A generated token and the likeliest ones in its place, likeliest first. The probabilities are the model's own (softmax of
 * its logits), before bias, penalties, temperature, cuts and grammar, as clients of OpenAI and vLLM expect them.
 */
export const tokenLogprobSchema = candidateSchema.extend({ alternatives: z.array(candidateSchema) });
export type TokenLogprob = z.infer<typeof tokenLogprobSchema>;

export const finishReasons = ['stop', 'length'] as const;
export type FinishReason = (typeof finishReasons)[number];

export type GenerateEvent =
  /** More of a choice; `reasoning` is thought and comes before the text. `choice` counts from 0. */
  | { type: 'text' | 'reasoning'; choice: number; text: string; logprobs?: TokenLogprob[] }
  /** A call of a tool begins: the `index`th of its choice, from 0. */
  | { type: 'tool_call'; choice: number; index: number; id: string; name: string }
  /** More of the JSON text of a call's arguments. */
  | { type: 'tool_call'; choice: number; index: number; id: string; arguments: string }
  /** The end of a choice. `stop` is the string or token of the request that ended it; absent, the model ended it itself. */
  | { type: 'finish'; choice: number; reason: FinishReason | 'tool_calls'; stop?: string | number; usage: Usage };

/**
 * Exact counts of one choice; a request's prompt is the same for all its choices. The token that ends a text is not part of
 * it and not counted.
 */
export type Usage = {
  promptTokens: number;
  /** How many of the prompt's tokens were in memory from before this request. */
  cachedTokens: number;
  completionTokens: number;
};
