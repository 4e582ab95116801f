/**
 * How a predicted text is scored against the expected one. Formulas after the SQuAD evaluation (Rajpurkar et al., 2016),
 * without its dropping of English articles, which would be wrong for other languages.
 */

/** 1 when both texts are equal after Unicode NFC and trimming of white space at both ends, else 0. */
export function exactMatch(expected: string, predicted: string): 0 | 1 {
  return expected.normalize('NFC').trim() === predicted.normalize('NFC').trim() ? 1 : 0;
}

/**
 * Token-level F1, 0 to 1. Tokens: NFKC, lower case, runs of letters, marks and digits; every other character that is not
 * white space or punctuation is a token of its own. With `c` the size of the multiset intersection, precision
 * p = c / |predicted|, recall r = c / |expected|, F1 = 2pr / (p + r). When either side has no tokens: 1 if both, else 0.
 */
export function tokenF1(expected: string, predicted: string): number {
  const wanted = tokens(expected);
  const got = tokens(predicted);
  if (wanted.length === 0 || got.length === 0) return wanted.length === got.length ? 1 : 0;
  const left = new Map<string, number>();
  for (const token of wanted) left.set(token, (left.get(token) ?? 0) + 1);
  let common = 0;
  for (const token of got) {
    const count = left.get(token) ?? 0;
    if (count === 0) continue;
    left.set(token, count - 1);
    common++;
  }
  return (2 * common) / (wanted.length + got.length);
}

function tokens(text: string): string[] {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+|[^\s\p{P}]/gu) ?? []
  );
}
