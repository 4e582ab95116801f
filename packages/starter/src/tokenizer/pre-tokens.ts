/**
 * The cut of a text into words before merging, as llama.cpp makes it for `tokenizer.ggml.pre = smollm`: every numeric
 * character alone, then GPT-2's rule on what lies between. Its `\s` is Unicode White_Space, which differs from JavaScript's
 * in U+0085 and U+FEFF, so the class is written out.
 */
export const preTokenizer = 'smollm';

const space = '\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const numeral = /\p{N}/u;
const betweenNumerals = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?[^${space}\\p{L}\\p{N}]+|[${space}]+(?![^${space}])|[${space}]+`,
  'gu',
);

/** Words whose concatenation is the text. No merge crosses a border between them. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  for (const piece of text.split(/(\p{N})/u)) {
    if (piece === '') continue;
    if (numeral.test(piece)) words.push(piece);
    else words.push(...(piece.match(betweenNumerals) ?? []));
  }
  return words;
}
