/**
 * Keeps what users write from becoming control tokens. Before a template is rendered, every place in a user's text where
 * a special token could begin, or could be completed by what stands next to the text, is broken by a mark; after
 * rendering, special tokens are split off, and the marks are dropped from the text between them, which is then tokenised
 * without special tokens. So special tokens come from the template alone, and users' text arrives as they wrote it.
 *
 * A special token of a single character cannot be broken and therefore counts as ordinary text.
 */

/** A private-use code point (Unicode 16, section 23.5): in no language and in no tokenizer's special tokens. */
const mark = '\uE0FF';

export type RenderedPart = { readonly special: string } | { readonly text: string };

type Patterns = {
  /** Matches a special token, the longest first. */
  readonly whole: RegExp;
  /** Matches before each special token in any letter case, overlapping ones too: a template may change the case. */
  readonly starts: RegExp;
  /** Beginnings and ends of special tokens, in lower case, and all of them joined, for what can be inside of one. */
  readonly beginnings: ReadonlySet<string>;
  readonly ends: ReadonlySet<string>;
  readonly joined: string;
  readonly longest: number;
};

const known = new WeakMap<readonly string[], Patterns | undefined>();

function patternsOf(specialTokens: readonly string[]): Patterns | undefined {
  if (!known.has(specialTokens)) known.set(specialTokens, makePatterns(specialTokens));
  return known.get(specialTokens);
}

function makePatterns(specialTokens: readonly string[]): Patterns | undefined {
  const tokens = [...new Set(specialTokens)].filter(
    (token) => token.length > firstLength(token) && !token.includes(mark),
  );
  if (tokens.length === 0) return undefined;
  const longestFirst = tokens.toSorted((a, b) => b.length - a.length || (a < b ? -1 : 1));
  const alternatives = longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|');
  const beginnings = new Set<string>();
  const ends = new Set<string>();
  for (const token of tokens.map(lowerCase)) {
    for (let cut = 1; cut < token.length; cut++) {
      beginnings.add(token.slice(0, cut));
      ends.add(token.slice(cut));
    }
  }
  return {
    whole: new RegExp(alternatives, 'g'),
    starts: new RegExp(`(?=${alternatives})`, 'gi'),
    beginnings,
    ends,
    joined: tokens.map(lowerCase).join(mark),
    longest: longestFirst[0]!.length,
  };
}

/** Breaks every special token that `text` holds or could be part of once a template has put other text next to it. */
export function breakText(text: string, specialTokens: readonly string[]): string {
  const clean = text.includes(mark) ? text.replaceAll(mark, '') : text;
  const patterns = patternsOf(specialTokens);
  if (patterns === undefined || clean === '') return clean;
  const cuts = new Set<number>();
  for (const { index } of clean.matchAll(patterns.starts)) cuts.add(index + firstLength(clean, index));
  // Templates often trim what they print, so the text without its outer space can meet the template's text, too.
  const start = clean.length - clean.trimStart().length;
  const end = clean.trimEnd().length;
  cutEdges(clean, 0, clean.length, patterns, cuts);
  if (start < end && end - start < clean.length) cutEdges(clean, start, end, patterns, cuts);
  if (cuts.size === 0) return clean;
  let broken = '';
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    broken += clean.slice(from, cut) + mark;
    from = cut;
  }
  return broken + clean.slice(from);
}

function cutEdges(
  text: string,
  start: number,
  end: number,
  { beginnings, ends, joined, longest }: Patterns,
  cuts: Set<number>,
): void {
  const most = Math.min(longest - 1, end - start);
  const head = lowerCase(text.slice(start, start + most));
  const tail = lowerCase(text.slice(end - most, end));
  for (let length = 1; length <= most; length++) {
    if (ends.has(head.slice(0, length))) cuts.add(start);
    if (beginnings.has(tail.slice(most - length))) cuts.add(end - length + firstLength(text, end - length));
  }
  if (most === end - start && joined.includes(head)) cuts.add(start);
}

/**
 * `messages` (or tools) with the special tokens in their text broken, ready for a template. Words that templates look up
 * or compare, such as `properties` and `"type": "string"`, stay whole: a user cannot choose what they are.
 */
export function breakSpecials<T>(messages: readonly T[], specialTokens: readonly string[]): T[] {
  return messages.map((message) => breakValue(message, specialTokens) as T);
}

const templateKeys = new Set(
  (
    'role content name type function arguments id tool_calls tool_call_id reasoning_content description parameters ' +
    'properties required items enum default format title nullable anyOf oneOf allOf $ref $defs definitions ' +
    'additionalProperties minimum maximum return strict'
  ).split(' '),
);

const templateValues: Record<string, ReadonlySet<unknown>> = {
  role: new Set(['system', 'user', 'assistant', 'tool']),
  type: new Set(['function', 'object', 'array', 'string', 'number', 'integer', 'boolean', 'null']),
};

function breakValue(value: unknown, specialTokens: readonly string[]): unknown {
  if (typeof value === 'string') return breakText(value, specialTokens);
  if (Array.isArray(value)) return value.map((item) => breakValue(item, specialTokens));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) =>
      templateKeys.has(key)
        ? [key, templateValues[key]?.has(item) === true ? item : breakValue(item, specialTokens)]
        : [breakText(key, specialTokens), breakValue(item, specialTokens)],
    ),
  );
}

/** Splits rendered text into special tokens and the text between them, without the marks; empty text is left out. */
export function splitSpecial(rendered: string, specialTokens: readonly string[]): RenderedPart[] {
  const patterns = patternsOf(specialTokens);
  const parts: RenderedPart[] = [];
  const addText = (marked: string): void => {
    const text = marked.replaceAll(mark, '');
    if (text !== '') parts.push({ text });
  };
  let from = 0;
  if (patterns !== undefined) {
    for (const match of rendered.matchAll(patterns.whole)) {
      addText(rendered.slice(from, match.index));
      parts.push({ special: match[0] });
      from = match.index + match[0].length;
    }
  }
  addText(rendered.slice(from));
  return parts;
}

/** Code units of the code point at `index`. */
function firstLength(text: string, index = 0): number {
  return text.codePointAt(index)! > 0xffff ? 2 : 1;
}

/** Of the letters A to Z only, so that no length changes. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
