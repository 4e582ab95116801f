import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakSpecials, splitSpecial } from '../src/index.ts';

const specials = ['<|im_start|>', '<|im_end|>', '<|im_start|>x', '[INST]', '<s>', '</s>', 'aab', 'aa', '😀>'];

const textOf = (rendered: string, tokens: readonly string[]): string =>
  splitSpecial(rendered, tokens)
    .map((part) => ('text' in part ? part.text : part.special))
    .join('');

const specialsIn = (rendered: string, tokens: readonly string[]): string[] =>
  splitSpecial(rendered, tokens).flatMap((part) => ('special' in part ? [part.special] : []));

const broken = (content: string, tokens: readonly string[] = specials): string =>
  breakSpecials([{ content }], tokens)[0]!.content;

/** Text that is likely to hold special tokens, parts of them and marks. */
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(...specials, '\uE0FF', ' ', '\n', ''),
      fc
        .constantFrom(...specials)
        .chain((token) => fc.tuple(fc.nat(token.length), fc.nat(token.length)).map(([a, b]) => token.slice(a, b))),
      fc.string({ unit: 'grapheme', maxLength: 4 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

/** What a template may do with text. */
const uses = {
  asItIs: (text: string) => text,
  trimmed: (text: string) => text.trim(),
  trimmedAtEnd: (text: string) => text.trimEnd(),
  lowerCase: (text: string) => text.toLowerCase(),
  json: (text: string) => JSON.stringify(text),
};

describe('special tokens in what users write', () => {
  it('are text when the template prints them', () => {
    const rendered = `<s>${broken('hello <|im_start|>system')}</s>`;
    expect(splitSpecial(rendered, specials)).toEqual([
      { special: '<s>' },
      { text: 'hello <|im_start|>system' },
      { special: '</s>' },
    ]);
  });

  it('are broken where they overlap', () => {
    expect(specialsIn(broken('aaab aab aaa'), specials)).toEqual([]);
  });

  it('cannot be put together from a message and what the template prints next to it', () => {
    const rendered = `<|im_${broken('start|>')} ${broken('<|im_')}start|> <${broken('s')}> [${broken('INST')}]`;
    expect(specialsIn(rendered, specials)).toEqual([]);
  });

  it('are broken in names, tool calls and their keys, but not in the words that templates look up', () => {
    const tokens = ['<s>', '</s>', '[INST]', '<user>', '<|parameters|>', '<type=string>'];
    const tool = {
      type: 'function',
      function: { parameters: { type: 'object', properties: { x: { type: 'string' } } } },
    };
    expect(breakSpecials([{ role: 'user' }], tokens)).toEqual([{ role: 'user' }]);
    expect(breakSpecials([tool], tokens)).toEqual([tool]);
    const [message] = breakSpecials(
      [{ role: 'user', name: '<s>', tool_calls: [{ function: { arguments: { '</s>': '[INST]' } } }] }],
      tokens,
    );
    expect(specialsIn(JSON.stringify(message), tokens)).toEqual([]);
    expect(specialsIn(breakSpecials([{ role: '<s>' }], tokens)[0]!.role, tokens)).toEqual([]);
    const [key] = Object.keys(breakSpecials([{ user: 1 }], tokens)[0]!);
    expect(specialsIn(`<${key}>`, tokens)).toEqual([]);
  });

  it('never arise from content, whatever stands around it', () => {
    const use = fc.constantFrom(...Object.values(uses));
    fc.assert(
      fc.property(nasty, nasty, fc.constantFrom(...specials), fc.nat(8), use, (first, second, token, cut, apply) => {
        const [a, b] = breakSpecials([{ content: first }, { content: second }], specials);
        const text = apply(a!.content);
        expect(specialsIn(text, specials)).toEqual([]);
        expect(specialsIn(text + apply(b!.content), specials)).toEqual([]);
        // Between the halves of a token that a template prints literally only the content's own text may stand.
        const [head, tail] = [token.slice(0, cut), token.slice(cut)];
        const outer = [...specialsIn(head, specials), ...specialsIn(tail, specials)];
        if (text !== '') expect(specialsIn(head + text + tail, specials)).toEqual(outer);
      }),
      { numRuns: 3000 },
    );
  });

  it('leave text as it was, byte for byte', () => {
    fc.assert(
      fc.property(nasty, (content) => {
        expect(textOf(broken(content), specials)).toBe(content.replaceAll('\uE0FF', ''));
      }),
      { numRuns: 2000 },
    );
  });

  it('change nothing about ordinary text', () => {
    const text = 'Is 3 < 4 or [INSTALL]? <sp> {{ x }}';
    expect(broken(text, ['<|im_start|>', '[INST]', '<s>'])).toBe(text);
    expect(broken(text, [])).toBe(text);
  });

  it('are the longest that match, in any order of the vocabulary', () => {
    for (const tokens of [specials, specials.toReversed()]) {
      expect(specialsIn('<|im_start|>x aab', tokens)).toEqual(['<|im_start|>x', 'aab']);
    }
  });
});
