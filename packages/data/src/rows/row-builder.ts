import { AtelierError, isAtelierError } from '@atelier/errors';
import type { ChatMessage } from '../records/message.ts';
import type { DatasetRecord } from '../records/record.ts';
import { conversationRows, type Reply } from './conversation-rows.ts';
import { chatTemplateOf, rawPromptTokens, type PromptModel } from './prompt-tokens.ts';
import { createReplyText } from './reply-text.ts';
import { RowWriter, type TokenRow } from './token-row.ts';
import { turnConversations, turnsOf } from './turns.ts';

/** Records turned into rows together, so that the renderer gets whole batches. */
const batchRecords = 256;

export type RowBuilderOptions = PromptModel & {
  /** How a completion record becomes text: as a user's and an assistant's turn, or as it is. */
  readonly promptFormat: 'chat' | 'raw';
};

export interface RowBuilder {
  /**
   * Rows to learn from, in the records' order; a record with nothing to learn gives none. Fails with `template_failed`
   * naming the record, counted from 1, or `unsupported_task` for records that hold no text to generate.
   */
  rows(records: AsyncIterable<DatasetRecord>, signal?: AbortSignal): AsyncIterable<TokenRow>;
}

type Source = { readonly number: number; readonly record: DatasetRecord };
type Dialogue = { readonly messages: readonly ChatMessage[]; readonly tools?: readonly unknown[] | undefined };

export function createRowBuilder(options: RowBuilderOptions): RowBuilder {
  const { tokenizer, renderer, promptFormat } = options;
  const replyText = createReplyText(options);

  function dialogueOf(record: DatasetRecord): Dialogue | undefined {
    if (record.kind === 'conversation') return record;
    if (record.kind !== 'completion' || promptFormat === 'raw') return undefined;
    return {
      messages: [
        { role: 'user', content: record.prompt },
        { role: 'assistant', content: record.completion },
      ],
    };
  }

  /** The row of a record that is no dialogue. */
  function plainRow(record: DatasetRecord): TokenRow | undefined {
    const plain = (text: string): Iterable<number> => tokenizer.encode(text, { parseSpecial: false });
    const eos = tokenizer.eosId === undefined ? [] : [tokenizer.eosId];
    if (record.kind === 'completion') {
      const prompt = new RowWriter(rawPromptTokens(tokenizer, record.prompt));
      return prompt.add(plain(record.completion), 1).add(eos, 1).row();
    }
    if (record.kind === 'text') {
      return new RowWriter().add(rawPromptTokens(tokenizer, record.text), 1).add(eos, 1).row();
    }
    if (record.kind === 'fim') {
      const { fim } = tokenizer;
      if (fim === undefined) {
        throw new AtelierError('template_failed', { reason: 'the model has no fill-in-the-middle tokens' });
      }
      const hole = [fim.prefix, ...plain(record.prefix), fim.suffix, ...plain(record.suffix), fim.middle];
      return new RowWriter().add(hole, 1).add(plain(record.middle), 1).add(eos, 1).row();
    }
    throw new AtelierError('unsupported_task', { task: record.kind, supported: 'conversation, completion, text, fim' });
  }

  async function rowsOf(batch: readonly Source[], signal: AbortSignal | undefined): Promise<TokenRow[]> {
    const dialogues = batch.map(({ record }) => dialogueOf(record));
    const conversations = dialogues.map((dialogue) => (dialogue === undefined ? [] : turnConversations(dialogue)));
    const wanted = conversations.flat();
    const rendered = wanted.length === 0 ? [] : await renderer.renderMany(chatTemplateOf(options), wanted, signal);
    const rows: TokenRow[] = [];
    let at = 0;
    for (const [i, { number, record }] of batch.entries()) {
      const dialogue = dialogues[i];
      const texts = rendered.slice(at, (at += conversations[i]!.length));
      try {
        const made = dialogue === undefined ? [plainRow(record)] : await dialogueRows(dialogue, texts);
        rows.push(...made.filter((row) => row !== undefined));
      } catch (error) {
        if (!isAtelierError(error) || error.code !== 'template_failed') throw error;
        throw new AtelierError('template_failed', { reason: `record ${number}: ${error.details['reason']}` }, error);
      }
    }
    return rows;
  }

  async function dialogueRows({ messages }: Dialogue, texts: readonly (string | AtelierError)[]): Promise<TokenRow[]> {
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
    return conversationRows(options, replies);
  }

  return {
    async *rows(records, signal) {
      let pending: Promise<TokenRow[]> | undefined;
      for await (const batch of inBatches(records)) {
        const next = rowsOf(batch, signal);
        // Awaited one batch later: the renderer works on it while the rows before it are consumed.
        next.catch(() => {});
        if (pending !== undefined) yield* await pending;
        pending = next;
      }
      if (pending !== undefined) yield* await pending;
    },
  };
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
