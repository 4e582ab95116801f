/** Not OpenAI's: what vLLM, llama-server and most hosted rerankers understand. */
import { z } from 'zod';

const MOST_DOCUMENTS = 16_383;

export const rerankingRequestSchema = z.object({
  model: z.string().min(1).max(500),
  query: z.string().min(1),
  documents: z
    .array(z.union([z.string(), z.object({ text: z.string() })]))
    .min(1)
    .max(MOST_DOCUMENTS),
  top_n: z.int().min(1).nullish().describe('Absent: all of them'),
  return_documents: z.boolean().nullish(),
  user: z.string().max(512).nullish(),
});

export const rerankingSchema = z.object({
  model: z.string(),
  results: z
    .array(
      z.object({
        index: z.int(),
        relevance_score: z.number(),
        document: z.object({ text: z.string() }).optional(),
      }),
    )
    .describe('The nearest first'),
  usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
});
