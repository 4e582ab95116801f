/**
 * Answers compared, in the forms that published preference data sets have: prompt, chosen and rejected as texts, or as
 * lists of messages whose last is the answer, with the prompt in a field of its own or at the start of both lists. A
 * rating is one answer with a label.
 */
import { z } from 'zod';
import type { ChatMessage } from '../records/message.ts';
import { requireOrder } from './conversation-rules.ts';
import { maxMessages } from './limits.ts';
import { RowProblem } from './row-problem.ts';
import { parseRow, type Shape } from './shape.ts';

const filled = z.string().refine((text) => text.trim() !== '', 'must not be empty');
const messages = z
  .array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() }))
  .min(1)
  .max(maxMessages);
const textOrMessages = z
  .custom<unknown>((value) => value !== undefined, 'is missing')
  .pipe(
    z.unknown().transform((value, context): string | ChatMessage[] => {
      const result = typeof value === 'string' ? filled.safeParse(value) : messages.safeParse(value);
      if (result.success) return result.data;
      const [issue] = result.error.issues;
      context.addIssue({
        code: 'custom',
        path: issue!.path,
        message:
          issue!.code === 'custom' ? issue!.message : 'must be a text or a list of messages with role and content',
      });
      return z.NEVER;
    }),
  );

const preference = z.strictObject({
  prompt: textOrMessages.optional(),
  chosen: textOrMessages,
  rejected: textOrMessages,
});

export const preferenceShape: Shape = {
  marks: ['chosen', 'rejected'],
  description: 'prompt, chosen and rejected',
  convert(row) {
    const { prompt, chosen, rejected } = parseRow(preference, row);
    const better = answerOf(promptMessages(prompt), chosen, 'chosen');
    const worse = answerOf(promptMessages(prompt), rejected, 'rejected');
    if (JSON.stringify(better.messages) !== JSON.stringify(worse.messages))
      throw new RowProblem('rejected', 'must answer the same messages as chosen');
    return { kind: 'preference', messages: better.messages, chosen: better.text, rejected: worse.text };
  },
};

const rating = z.strictObject({ prompt: textOrMessages.optional(), completion: textOrMessages, label: z.boolean() });

export const ratingShape: Shape = {
  marks: ['label'],
  description: 'prompt, completion and label',
  convert(row) {
    const { prompt, completion, label } = parseRow(rating, row);
    const { messages: asked, text } = answerOf(promptMessages(prompt), completion, 'completion');
    return { kind: 'rating', messages: asked, answer: text, desirable: label };
  },
};

function promptMessages(prompt: string | ChatMessage[] | undefined): ChatMessage[] {
  return typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : (prompt ?? []);
}

/** The messages that an answer follows, and its text. */
function answerOf(
  prompt: readonly ChatMessage[],
  answer: string | readonly ChatMessage[],
  field: string,
): { messages: ChatMessage[]; text: string } {
  const said: readonly ChatMessage[] = typeof answer === 'string' ? [{ role: 'assistant', content: answer }] : answer;
  const all = [...prompt, ...said];
  const last = all.at(-1)!;
  if (all.length === 1) throw new RowProblem('prompt', 'is missing');
  // Counted from the prompt's first message, so the list is named only where it holds all of them.
  requireOrder(all, undefined, prompt.length === 0 ? field : 'prompt');
  return { messages: all.slice(0, -1), text: last.content };
}
