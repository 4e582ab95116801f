/** Records turned into rows, whichever rows they are: a batch of records is rendered together, and made into rows in order. */
import { AtelierError, isAtelierError } from '@atelier/errors';
import type { ChatMessage } from '../records/message.ts';
import type { DatasetRecord } from '../records/record.ts';
import { conversationRows, type Reply } from './conversation-rows.ts';
import { chatTemplateOf, type PromptModel } from './prompt-tokens.ts';
import { createReplyText, type ReplyText } from './reply-text.ts';
import type { TokenRow } from './token-row.ts';
import { turnConversations, turnsOf } from './turns.ts';

/** Records turned into rows together, so that the renderer gets whole batches. */
const batchRecords = 256;

export type Dialogue = { readonly messages: readonly ChatMessage[]; readonly tools?: readonly unknown[] | undefined };

/** What becomes rows: a dialogue by the model's template, anything else as it is. */
export type Part = Dialogue | readonly TokenRow[];

export type RowRecipe<Made> = {
  /** The parts of a record; `number` counts records from 1. */
  readonly parts: (record: DatasetRecord, number: number) => readonly Part[];
  /** What a record gives, from the rows of each of its parts. */
  readonly join: (rows: readonly (readonly TokenRow[])[], record: DatasetRecord) => readonly Made[];
};

/**
 * What the recipe makes of records, in their order. Fails with `template_failed` naming the record, or what the recipe
 * throws.
 */
export async function* recordRows<Made>(
  model: PromptModel,
  recipe: RowRecipe<Made>,
  records: AsyncIterable<DatasetRecord>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Made> {
  const replyText = createReplyText(model);
  let pending: Promise<Made[]> | undefined;
  for await (const batch of inBatches(records)) {
    const next = batchRows(model, recipe, replyText, batch, signal);
    // Awaited one batch later: the renderer works on it while the rows before it are consumed.
    next.catch(() => {});
    if (pending !== undefined) yield* await pending;
    pending = next;
  }
  if (pending !== undefined) yield* await pending;
}

type Source = { readonly number: number; readonly record: DatasetRecord };

async function batchRows<Made>(
  model: PromptModel,
  recipe: RowRecipe<Made>,
  replyText: ReplyText,
  batch: readonly Source[],
  signal: AbortSignal | undefined,
): Promise<Made[]> {
  const sources = batch.map(({ number, record }) => ({
    number,
    record,
    parts: naming(number, () => recipe.parts(record, number)).map((part) =>
      'messages' in part ? { ...part, conversations: turnConversations(part) } : part,
    ),
  }));
  const wanted = sources.flatMap(({ parts }) =>
    parts.flatMap((part) => ('conversations' in part ? part.conversations : [])),
  );
  const rendered = wanted.length === 0 ? [] : await model.renderer.renderMany(chatTemplateOf(model), wanted, signal);
  const made: Made[] = [];
  let at = 0;
  for (const { number, record, parts } of sources) {
    const rows: (readonly TokenRow[])[] = [];
    for (const part of parts) {
      if (!('conversations' in part)) {
        rows.push(part);
        continue;
      }
      const texts = rendered.slice(at, (at += part.conversations.length));
      rows.push(await dialogueRows(model, replyText, part, texts).catch((error: unknown) => rethrow(number, error)));
    }
    made.push(...naming(number, () => recipe.join(rows, record)));
  }
  return made;
}

async function dialogueRows(
  model: PromptModel,
  replyText: ReplyText,
  { messages }: Dialogue,
  texts: readonly (string | AtelierError)[],
): Promise<TokenRow[]> {
  const rendered = texts.map((text) => {
    if (typeof text !== 'string') throw text;
    return text;
  });
  const spoken = messages.filter(({ role }) => role === 'assistant');
  const replies: Reply[] = [];
  for (const [i, turn] of turnsOf(rendered).entries()) {
    const message = spoken[i]!;
    replies.push({ turn, text: await replyText(turn, message), weight: message.weight ?? 1 });
  }
  return conversationRows(model, replies);
}

function naming<T>(number: number, make: () => T): T {
  try {
    return make();
  } catch (error) {
    return rethrow(number, error);
  }
}

function rethrow(number: number, error: unknown): never {
  if (!isAtelierError(error) || error.code !== 'template_failed') throw error;
  throw new AtelierError('template_failed', { reason: `record ${number}: ${error.details['reason']}` }, error);
}

async function* inBatches(records: AsyncIterable<DatasetRecord>): AsyncIterable<Source[]> {
  let batch: Source[] = [];
  let number = 0;
  for await (const record of records) {
    batch.push({ number: ++number, record });
    if (batch.length === batchRecords) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
