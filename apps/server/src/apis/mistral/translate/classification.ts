import { randomBytes } from 'node:crypto';
import type { Classification } from '@atelier/engine';
import type { z } from 'zod';
import type { Judged } from '../../../core/moderation/moderation.ts';
import type { classificationResponseSchema, moderationResponseSchema } from '../schemas/classifications.ts';

const newId = (): string => `mod-${randomBytes(16).toString('hex')}`;

export function classification(
  model: string,
  { results }: Pick<Classification, 'results'>,
): z.infer<typeof classificationResponseSchema> {
  return {
    id: newId(),
    model,
    results: results.map((targets) =>
      Object.fromEntries(
        targets.map(({ name, labels, values }) => [
          name,
          { scores: Object.fromEntries(labels.map((label, index) => [label, values[index]!])) },
        ]),
      ),
    ),
  };
}

export function moderation(model: string, judged: readonly Judged[]): z.infer<typeof moderationResponseSchema> {
  return {
    id: newId(),
    model,
    results: judged.map(({ categories, scores }) => ({ categories, category_scores: scores })),
  };
}
