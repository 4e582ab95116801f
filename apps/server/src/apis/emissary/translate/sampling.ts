import type { z } from 'zod';
import type { Generation } from '../../../core/inference/inference.ts';
import type { samplingSchema } from '../schemas/inference.ts';

const defaultMaxTokens = 512;

/** `do_sample: false` is greedy, whatever the fields beside it say; without it, asking for a temperature or a cut means sampling. */
export function sampling(fields: z.infer<typeof samplingSchema>): Pick<Generation, 'maxTokens' | 'sampling'> {
  const { do_sample, temperature, top_p, top_k, max_new_tokens, no_repeat_ngram_size } = fields;
  const sampled = do_sample ?? [temperature, top_p, top_k].some((value) => value !== undefined);
  return {
    maxTokens: max_new_tokens ?? defaultMaxTokens,
    sampling: {
      temperature: sampled ? (temperature ?? 1) : 0,
      topP: top_p ?? 1,
      topK: top_k ?? 0,
      noRepeatNgramSize: no_repeat_ngram_size ?? 0,
    },
  };
}
