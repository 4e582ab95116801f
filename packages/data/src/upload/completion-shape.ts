import { z } from 'zod';
import { parseRow, type TableShape } from './shape.ts';

const filled = z.string().refine((text) => text.trim() !== '', 'must not be empty');

/** A prompt and what should follow it, under the names an API gives them. */
export function completionShape(prompt: string, completion: string, { emptyCompletion = false } = {}): TableShape {
  const schema = z.strictObject({ [prompt]: filled, [completion]: emptyCompletion ? z.string() : filled });
  return {
    columns: [prompt, completion],
    marks: [prompt, completion],
    description: `${prompt} and ${completion}`,
    convert(row) {
      const fields = parseRow(schema, row);
      return { kind: 'completion', prompt: fields[prompt]!, completion: fields[completion]! };
    },
  };
}
