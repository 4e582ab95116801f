import { z } from 'zod';
import { parseRow, type TableShape } from './shape.ts';

type CompletionOptions = {
  emptyCompletion?: boolean;
  /** A completion may also be a number, or a map of labels to 0 or 1; either is kept as JSON. */
  judged?: boolean;
};

const filled = z.string().refine((text) => text.trim() !== '', 'must not be empty');
const labelMap = z
  .record(z.string(), z.unknown())
  .refine((map) => Object.keys(map).length > 0, 'must not be empty')
  .refine((map) => Object.values(map).every((value) => value === 0 || value === 1), 'must map each label to 0 or 1');

/** A prompt and what should follow it, under the names an API gives them. */
export function completionShape(
  prompt: string,
  completion: string,
  { emptyCompletion = false, judged = false }: CompletionOptions = {},
): TableShape {
  const schema = z.strictObject({ [prompt]: filled, [completion]: emptyCompletion ? z.string() : filled });
  return {
    columns: [prompt, completion],
    marks: [prompt, completion],
    description: `${prompt} and ${completion}`,
    convert(row) {
      const fields = parseRow(schema, judged ? withText(row, completion) : row);
      return { kind: 'completion', prompt: fields[prompt]!, completion: fields[completion]! };
    },
  };
}

/** A number or a map of labels as its JSON. */
function withText(row: object, field: string): object {
  const value = (row as Record<string, unknown>)[field];
  if (typeof value === 'number') return { ...row, [field]: String(value) };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return row;
  return { ...row, [field]: JSON.stringify(parseRow(z.looseObject({ [field]: labelMap }), row)[field]) };
}
