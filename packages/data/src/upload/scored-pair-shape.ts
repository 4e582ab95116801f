import { z } from 'zod';
import { parseRow, type TableShape } from './shape.ts';

const filled = z.string().refine((text) => text.trim() !== '', 'must not be empty');

/** A cell of a table is a text, also where it is a number. */
const score = z
  .union(
    [
      z.number(),
      z
        .string()
        .refine((text) => text.trim() !== '')
        .transform(Number),
    ],
    'must be a number',
  )
  .refine((value) => value >= 0 && value <= 1, 'must be a number from 0 to 1');

/** Two texts, under the names an API gives them, and from 0 to 1 how much they belong together. */
export function scoredPairShape(first: string, second: string): TableShape {
  const schema = z.strictObject({ [first]: filled, [second]: filled, score });
  return {
    columns: [first, second, 'score'],
    marks: ['score'],
    description: `${first}, ${second} and score`,
    convert(row) {
      const fields = parseRow(schema, row);
      return {
        kind: 'pair',
        first: fields[first] as string,
        second: fields[second] as string,
        score: fields['score'] as number,
      };
    },
  };
}
