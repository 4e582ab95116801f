import { z } from 'zod';
import { parseRow, type Shape } from './shape.ts';

const schema = z.strictObject({ text: z.string().refine((text) => text.trim() !== '', 'must not be empty') });

/** Plain text to go on learning a language from. */
export const textShape: Shape = {
  marks: ['text'],
  description: 'text',
  convert: (row) => ({ kind: 'text', ...parseRow(schema, row) }),
};
