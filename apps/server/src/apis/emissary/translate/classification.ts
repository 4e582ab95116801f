import type { TargetScores } from '@atelier/data';
import type { z } from 'zod';
import type { classificationResponseSchema } from '../schemas/inference.ts';

/** What a head says as the published string, and as numbers. Jobs of this API train one target. */
export function classification([target]: readonly TargetScores[]): Omit<
  z.infer<typeof classificationResponseSchema>,
  'id'
> {
  const { name, kind, labels, values } = target!;
  if (kind === 'scalar') return { response: String(values[0]!), scores: { [name]: values[0]! } };
  const scores = Object.fromEntries(labels.map((label, index) => [label, values[index]!]));
  if (kind === 'multi') return { response: JSON.stringify(scores), scores };
  return { response: labels[values.indexOf(Math.max(...values))]!, scores };
}
