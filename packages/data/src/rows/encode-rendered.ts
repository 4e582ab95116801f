import { splitSpecial } from '../chat-template/special-tokens.ts';
import type { Tokenizer } from './tokenizer.ts';

export type EncodedText = {
  readonly tokens: readonly number[];
  /** How many tokens there are through a special one at the end, white space after it aside; absent when there is none. */
  readonly closedAt: number | undefined;
};

/** Tokens of rendered text that will follow the token `after`: its special tokens by their ids, what stands between them as plain text. */
export function encodeRendered(
  rendered: string,
  specialTokens: readonly string[],
  tokenizer: Tokenizer,
  after?: number,
): EncodedText {
  const tokens: number[] = [];
  let closedAt: number | undefined;
  for (const part of splitSpecial(rendered, specialTokens)) {
    const id = 'special' in part ? tokenizer.specialId(part.special) : undefined;
    if (id !== undefined) {
      closedAt = tokens.push(id);
      continue;
    }
    const text = 'special' in part ? part.special : part.text;
    const encoded = tokenizer.encode(text, { parseSpecial: false, after: tokens.at(-1) ?? after });
    for (const token of encoded) tokens.push(token);
    if (text.trim() !== '') closedAt = undefined;
  }
  return { tokens, closedAt };
}

/** Puts the token that begins every sequence in front, where the vocabulary wants one and the text has none of its own. */
export function withBos(tokens: readonly number[], { addBos, bosId }: Tokenizer): number[] {
  return addBos && bosId !== undefined && tokens[0] !== bosId ? [bosId, ...tokens] : [...tokens];
}
