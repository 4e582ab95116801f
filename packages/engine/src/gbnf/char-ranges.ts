/** Sets of Unicode code points as sorted ranges that do not touch. Zero and surrogates are in none: llama.cpp ends texts at zero, and UTF-8 has no surrogates. */
export type CharRange = readonly [first: number, last: number];
export type CharSet = readonly CharRange[];

export const allChars: CharSet = [
  [1, 0xd7ff],
  [0xe000, 0x10ffff],
];

export function charSet(ranges: Iterable<CharRange>): CharSet {
  const joined: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (first > last) continue;
    const before = joined.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return intersect(joined, allChars);
}

export function charsOf(text: string): CharSet {
  return charSet(Array.from(text, (char): CharRange => [char.codePointAt(0)!, char.codePointAt(0)!]));
}

export function union(...sets: CharSet[]): CharSet {
  return charSet(sets.flat());
}

export function intersect(a: CharSet, b: CharSet): CharSet {
  const both: CharRange[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [[firstA, lastA], [firstB, lastB]] = [a[i]!, b[j]!];
    const [first, last] = [Math.max(firstA, firstB), Math.min(lastA, lastB)];
    if (first <= last) both.push([first, last]);
    if (lastA < lastB) i++;
    else j++;
  }
  return both;
}

export function complement(set: CharSet): CharSet {
  const others: CharRange[] = [];
  let next = 0;
  for (const [first, last] of set) {
    if (first > next) others.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= 0x10ffff) others.push([next, 0x10ffff]);
  return intersect(others, allChars);
}

export function subtract(set: CharSet, other: CharSet): CharSet {
  return intersect(set, complement(other));
}

export function includes(set: CharSet, char: number): boolean {
  return set.some(([first, last]) => first <= char && char <= last);
}
