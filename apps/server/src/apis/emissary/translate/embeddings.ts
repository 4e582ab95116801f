import type { z } from 'zod';
import { compared } from '../../../core/inference/compare-vectors.ts';
import type { embeddingResponseSchema } from '../schemas/inference.ts';

type Wanted = { cosine?: boolean | undefined; manhattan?: boolean | undefined; euclidean?: boolean | undefined };

/** Without a target there is nothing to compare. */
export function embeddings(
  input: ArrayLike<number>,
  target: ArrayLike<number> | undefined,
  { cosine = true, manhattan = false, euclidean = false }: Wanted,
): z.infer<typeof embeddingResponseSchema>['response'] {
  if (target === undefined) return { input_embedding: Array.from(input) };
  const scores = compared(input, target);
  return {
    input_embedding: Array.from(input),
    target_embedding: Array.from(target),
    ...(cosine && { cosine_score: scores.cosine }),
    ...(manhattan && { manhattan_distance: scores.manhattan }),
    ...(euclidean && { euclidean_distance: scores.euclidean }),
  };
}
