import { rawPromptTokens } from './prompt-tokens.ts';
import type { Tokenizer } from './tokenizer.ts';
import { RowWriter, type TokenRow } from './token-row.ts';

/**
 * Rows of a text to go on learning a language from. A text is a document: it begins with the token that begins sequences,
 * where the vocabulary wants one, and ends with the one that ends them. A text longer than `maxTokens` goes on in further
 * rows, each of which begins with the last token of the row before it, so that every token but the first is learnt once.
 */
export function textRows(tokenizer: Tokenizer, text: string, maxTokens: number): TokenRow[] {
  const { eosId } = tokenizer;
  const tokens = [...rawPromptTokens(tokenizer, text), ...(eosId === undefined ? [] : [eosId])];
  const rows: TokenRow[] = [];
  for (let start = 0; start === 0 || start + 1 < tokens.length; start += maxTokens - 1) {
    const row = new RowWriter().add(tokens.slice(start, start + maxTokens), 1).row();
    if (row !== undefined) rows.push(row);
  }
  return rows;
}
