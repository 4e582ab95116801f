import { AtelierError } from '@atelier/errors';
import type { ChatMessage } from '../records/message.ts';
import type { DatasetRecord } from '../records/record.ts';
import { rawPromptTokens, type PromptModel } from './prompt-tokens.ts';
import { recordRows, type Part } from './record-rows.ts';
import { RowWriter, type TokenRow } from './token-row.ts';

/** Answers to one prompt, learnt after the same tokens. A rating gives one of the two, a preference both. */
export type PreferenceRows = { readonly chosen?: TokenRow; readonly rejected?: TokenRow };

/**
 * Rows of preferences and ratings, in the records' order; only the answers carry loss. A model without a template takes a
 * single user message as it is. Fails with `template_failed` naming the record, counted from 1, or `unsupported_task` for
 * records that compare nothing.
 */
export function preferenceRows(
  model: PromptModel,
  records: AsyncIterable<DatasetRecord>,
  signal?: AbortSignal,
): AsyncIterable<PreferenceRows> {
  return recordRows(
    model,
    {
      parts: (record) => answersOf(record).map((answer) => part(model, answer)),
      join(rows, record) {
        const found = rows.map((made) => made[0]);
        const [chosen, rejected] =
          record.kind === 'rating' && !record.desirable ? [undefined, found[0]] : [found[0], found[1]];
        if (found.includes(undefined)) return [];
        return [{ ...(chosen && { chosen }), ...(rejected && { rejected }) }];
      },
    },
    records,
    signal,
  );
}

type Answer = { readonly messages: readonly ChatMessage[]; readonly text: string };

function answersOf(record: DatasetRecord): Answer[] {
  if (record.kind === 'preference')
    return [record.chosen, record.rejected].map((text) => ({ messages: record.messages, text }));
  if (record.kind === 'rating') return [{ messages: record.messages, text: record.answer }];
  throw new AtelierError('unsupported_task', { task: record.kind, supported: 'preference, rating' });
}

function part(model: PromptModel, { messages, text }: Answer): Part {
  if (model.template !== undefined) {
    // What an assistant said before is given, not judged.
    const given = messages.map((message) => (message.role === 'assistant' ? { ...message, weight: 0 } : message));
    return { messages: [...given, { role: 'assistant', content: text }] };
  }
  const [message] = messages;
  if (messages.length > 1 || message?.role !== 'user')
    throw new AtelierError('template_failed', {
      reason: 'the model has none, so a prompt can only be one user message',
    });
  const { tokenizer } = model;
  const writer = new RowWriter(rawPromptTokens(tokenizer, message.content));
  writer.add(tokenizer.encode(text, { parseSpecial: false, after: writer.last }), 1);
  const row = (tokenizer.eosId === undefined ? writer : writer.add([tokenizer.eosId], 1)).row();
  return row === undefined ? [] : [row];
}
