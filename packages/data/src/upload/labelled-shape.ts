import { z } from 'zod';
import type { LabelledRecord } from '../records/record.ts';
import { maxLabels, maxMessages, maxTargets } from './limits.ts';
import { RowProblem } from './row-problem.ts';
import { parseRow, type Shape } from './shape.ts';

const filled = z.string().refine((text) => text.trim() !== '', 'must not be empty');

const row = z.strictObject({
  text: filled.optional(),
  messages: z
    .array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: filled }))
    .min(1)
    .max(maxMessages)
    .optional(),
  labels: z.record(z.string(), z.unknown()),
});

/** A text or a conversation with its labels: for each target one, or a list of those that hold at once. */
export const labelledShape: Shape = {
  marks: ['labels'],
  description: 'text or messages, and labels',
  convert(given) {
    const { text, messages, labels } = parseRow(row, given);
    if ((text === undefined) === (messages === undefined))
      throw new RowProblem(
        text === undefined ? 'text' : 'messages',
        'must be there if, and only if, the other of text and messages is not',
      );
    const judged = { kind: 'labelled' as const, labels: labelsOf(labels) };
    return text === undefined ? { ...judged, messages: messages! } : { ...judged, text };
  },
};

/** Targets and labels are the user's own words, so what is wrong with one is said of all. */
function labelsOf(labels: Record<string, unknown>): LabelledRecord['labels'] {
  const refuse = (reason: string): never => {
    throw new RowProblem('labels', reason);
  };
  const targets = Object.entries(labels);
  if (targets.length === 0) refuse('must not be empty');
  if (targets.length > maxTargets) refuse(`must not hold more than ${maxTargets} targets`);
  for (const [name, value] of targets) {
    if (name.trim() === '' || name.length > 256) refuse('has a target whose name is not 1 to 256 characters long');
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (values.length > maxLabels) refuse(`has a target with more than ${maxLabels} labels`);
    for (const label of values)
      if (typeof label !== 'string' || label.trim() === '' || label.length > 1024)
        refuse('must give each target a label, or a list of labels, of 1 to 1024 characters');
  }
  return labels as LabelledRecord['labels'];
}
