/** What moderation looks for, under the names that Mistral's API publishes. */
export const categories = [
  'sexual',
  'hate_and_discrimination',
  'violence_and_threats',
  'dangerous_and_criminal_content',
  'selfharm',
  'health',
  'financial',
  'law',
  'pii',
] as const;
export type Category = (typeof categories)[number];

/** A score from 0 to 1 for each category, independent of the others. */
export type CategoryScores = Record<Category, number>;

export function scoresFrom(score: (category: Category) => number): CategoryScores {
  return Object.fromEntries(categories.map((category) => [category, score(category)])) as CategoryScores;
}
