import { z } from 'zod';
import { parseRow, type Shape } from './shape.ts';

const schema = z.strictObject({
  prefix: z.string(),
  middle: z.string().refine((text) => text.trim() !== '', 'must not be empty'),
  suffix: z.string(),
});

/** A text with a hole, and what belongs there: what models that fill in the middle learn from. */
export const holeShape: Shape = {
  marks: ['middle'],
  description: 'prefix, middle and suffix',
  convert: (row) => ({ kind: 'fim', ...parseRow(schema, row) }),
};
