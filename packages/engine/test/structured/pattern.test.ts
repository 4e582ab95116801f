import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches } from '../../src/gbnf/match.ts';
import { lengthsOf, parsePattern } from '../../src/structured/pattern.ts';
import { randomText } from './random-text.ts';

const atom = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'é',
    '🙂',
    '\\.',
    '\\d',
    '\\w',
    '\\s',
    '\\D',
    '\\W',
    '\\S',
    '.',
    '\\x61',
    '\\u{1F642}',
    '\\n',
    '\\/',
  ),
  fc.constantFrom('[ab]', '[^a]', '[a-c0-9]', '[^\\d\\s]', '[\\w-]', '[.*+]', '[\\]\\\\]', '[🙂é]'),
);
const { pattern } = fc.letrec<{ pattern: string; sequence: string; item: string }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    atom,
    tie('pattern').map((inner) => `(?:${inner})`),
    tie('pattern').map((inner) => `(${inner})`),
  ),
  sequence: fc
    .array(fc.tuple(tie('item'), fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '+?')), {
      maxLength: 3,
    })
    .map((items) => items.map(([item, quantifier]) => item + quantifier).join('')),
  pattern: fc.array(tie('sequence'), { minLength: 1, maxLength: 2 }).map((options) => options.join('|')),
}));
const anchored = fc
  .tuple(fc.constantFrom('', '^'), pattern, fc.constantFrom('', '$'))
  .map(([start, inner, end]) => (inner.includes('|') ? `${start}(?:${inner})${end}` : start + inner + end));
const content = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', '1', ' ', '\n', '.', '🙂', 'é', '-', ']'),
  maxLength: 8,
});

test('a text is in the grammar of a pattern exactly when the pattern matches it', () => {
  fc.assert(
    fc.property(anchored, fc.array(content, { minLength: 8, maxLength: 8 }), (source, texts) => {
      const expression = parsePattern(source);
      const regex = new RegExp(source, 'u');
      for (const text of texts)
        expect(matches(expression, text)?.matched, `/${source}/ ${JSON.stringify(text)}`).toBe(regex.test(text));
    }),
    { numRuns: 500, seed: 1 },
  );
});

test('texts of the grammar match the pattern and have a length between the two that are told', () => {
  fc.assert(
    fc.property(anchored, fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (source, numbers) => {
      const expression = parsePattern(source);
      const text = randomText(new Map([['root', expression]]), () => numbers.next().value);
      expect(new RegExp(source, 'u').test(text)).toBe(true);
      const [min, max] = lengthsOf(expression);
      expect([...text].length).toBeGreaterThanOrEqual(min);
      expect([...text].length).toBeLessThanOrEqual(max);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test.for([
  ['(a)\\1', 'the escape \\1'],
  ['a(?=b)', 'looks ahead'],
  ['(?<!a)b', 'looks ahead or behind'],
  ['(?i:a)', 'flags'],
  ['\\bword', 'word boundaries'],
  ['\\p{L}', 'properties of Unicode'],
  ['a^b', '^ in its middle'],
  ['(a$)', '$ in its middle'],
  ['[b-a]', 'a range that is none'],
  ['a{3,2}', 'ends before it begins'],
  ['a{2', '{ where nothing'],
  ['*a', '* where nothing'],
  ['(a', 'without its partner'],
  ['a)', 'without its partner'],
  ['[a', 'without its partner'],
  ['a{1000000}', 'more than 100000 times'],
  ['('.repeat(40) + ')'.repeat(40), 'nested deeper'],
])('%s is refused', ([source, reason]) => {
  expect(() => parsePattern(source!)).toThrow(reason);
});
