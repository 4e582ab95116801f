import { AtelierError } from '@atelier/errors';
import type { DatasetRecord } from '../records/record.ts';
import { randomIntegers } from '../random.ts';
import { fimRow } from './fim-row.ts';
import { rawPromptTokens, type PromptModel } from './prompt-tokens.ts';
import { recordRows, type Part } from './record-rows.ts';
import { textRows } from './text-rows.ts';
import { RowWriter, type TokenRow } from './token-row.ts';

export type RowBuilderOptions = PromptModel & {
  /** How a completion record becomes text: as a user's and an assistant's turn, or as it is. */
  readonly promptFormat: 'chat' | 'raw';
  /** Texts go on in as many rows of at most so many tokens as they need, and texts with a hole lose what is farthest from it; absent, rows are as long as they are. */
  readonly maxTokens?: number;
  /** Loss weight of tokens that have none, 0 when absent. */
  readonly promptWeight?: number;
  /** Share of the texts with a hole whose suffix is shown before their prefix, 0 when absent; `seed` decides which. */
  readonly fim?: { readonly suffixFirstShare: number; readonly seed: number };
};

export interface RowBuilder {
  /**
   * Rows to learn from, in the records' order, their weights times their record's; a record with nothing to learn gives none. Fails with `template_failed`
   * naming the record, counted from 1, or `unsupported_task` for records that hold no text to generate.
   */
  rows(records: AsyncIterable<DatasetRecord>, signal?: AbortSignal): AsyncIterable<TokenRow>;
}

export function createRowBuilder(options: RowBuilderOptions): RowBuilder {
  const {
    tokenizer,
    promptFormat,
    maxTokens = Infinity,
    promptWeight = 0,
    fim = { suffixFirstShare: 0, seed: 0 },
  } = options;

  function part(record: DatasetRecord, number: number): Part {
    switch (record.kind) {
      case 'conversation':
        return record;
      case 'completion':
        if (promptFormat === 'raw') return present(completionRow(record.prompt, record.completion));
        return {
          messages: [
            { role: 'user', content: record.prompt },
            { role: 'assistant', content: record.completion },
          ],
        };
      case 'text':
        return textRows(tokenizer, record.text, maxTokens);
      case 'fim': {
        const suffixFirst = randomIntegers(fim.seed, number)(2 ** 24) < fim.suffixFirstShare * 2 ** 24;
        return present(fimRow(tokenizer, record, suffixFirst, maxTokens));
      }
      default:
        throw new AtelierError('unsupported_task', {
          task: record.kind,
          supported: 'conversation, completion, text, fim',
        });
    }
  }

  function completionRow(prompt: string, completion: string): TokenRow | undefined {
    const writer = new RowWriter(rawPromptTokens(tokenizer, prompt));
    writer.add(tokenizer.encode(completion, { parseSpecial: false, after: writer.last }), 1);
    return (tokenizer.eosId === undefined ? writer : writer.add([tokenizer.eosId], 1)).row();
  }

  function weighted(parts: readonly (readonly TokenRow[])[], record: DatasetRecord): readonly TokenRow[] {
    const factor = 'weight' in record ? (record.weight ?? 1) : 1;
    const rows = parts.flat();
    if (factor === 1 && promptWeight === 0) return rows;
    if (factor === 0) return [];
    return rows.map(({ tokens, weights }) => ({
      tokens,
      weights: weights.map((weight, at) => (at === 0 ? 0 : factor * (weight > 0 ? weight : promptWeight))),
    }));
  }

  return {
    rows: (records, signal) =>
      recordRows(options, { parts: (record, number) => [part(record, number)], join: weighted }, records, signal),
  };
}

function present(row: TokenRow | undefined): TokenRow[] {
  return row === undefined ? [] : [row];
}
