/** Not OpenAI's: what vLLM understands. */
import { z } from 'zod';
import { messageSchema, toolSchema } from './messages.ts';

const model = z.string().min(1).max(500);

export const tokensRequestSchema = z.union([
  z.object({ model, prompt: z.string() }),
  z.object({
    model,
    messages: z.array(messageSchema).min(1).max(10_000),
    tools: z.array(toolSchema).max(128).nullish(),
  }),
]);

export const tokensSchema = z.object({
  count: z.int(),
  max_model_len: z.int().describe('Tokens that prompt and answer may have together; 0 where the model does not tell'),
  tokens: z.array(z.int()),
});
