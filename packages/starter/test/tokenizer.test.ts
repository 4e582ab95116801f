import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteCharacters, fromByteCharacters, toByteCharacters } from '../src/tokenizer/byte-characters.ts';
import { committedTokenizer } from '../src/tokenizer/committed-tokenizer.ts';
import { splitWords } from '../src/tokenizer/pre-tokens.ts';
import { specialTokenId, specialTokens } from '../src/tokenizer/special-tokens.ts';
import { Tokenizer } from '../src/tokenizer/tokenizer.ts';
import { countWords, trainTokenizer } from '../src/tokenizer/train.ts';
import { trainMerges } from '../src/tokenizer/train-merges.ts';
import { vocabularySize } from '../src/tokenizer/vocabulary-size.ts';

describe('byte characters', () => {
  it('give each byte a character of its own, and back', () => {
    expect(new Set(byteCharacters).size).toBe(256);
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(fromByteCharacters(byteCharacters.join(''))).toEqual(bytes);
  });

  it('spell a space and a line break as GPT-2 does', () => {
    expect(toByteCharacters('a b\n')).toBe('aĠbĊ');
  });
});

describe('words', () => {
  it('keep a space with the word after it and digits alone', () => {
    expect(splitWords("It's 42  degrees, isn't it?\n\nYes")).toEqual([
      'It',
      "'s",
      ' ',
      '4',
      '2',
      ' ',
      ' degrees',
      ',',
      ' isn',
      "'t",
      ' it',
      '?',
      '\n',
      '\n',
      'Yes',
    ]);
  });

  it('concatenate to the text, whatever it is', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => splitWords(text).join('') === text));
  });
});

describe('training', () => {
  it('merges the most frequent pair first, and of equals the smaller symbols', () => {
    expect(
      trainMerges(
        new Map([
          ['abab', 3],
          ['cd', 6],
          ['xy', 6],
        ]),
        3,
      ),
    ).toEqual([
      ['a', 'b'],
      ['c', 'd'],
      ['x', 'y'],
    ]);
  });

  it('recounts neighbours of a merge', () => {
    expect(
      trainMerges(
        new Map([
          ['aaab', 5],
          ['ab', 1],
        ]),
        3,
      ),
    ).toEqual([
      ['a', 'a'],
      ['a', 'b'],
      ['aa', 'ab'],
    ]);
  });

  it('never joins a space to a capital letter', () => {
    const merges = trainMerges(countWords(['a Name a Name a Name and names']), 40);
    expect(merges.some(([left, right]) => left.startsWith('Ġ') && /[A-Z]/.test(right))).toBe(false);
    expect(merges).toContainEqual(['N', 'ame']);
  });

  it('refuses a size that the text cannot fill', () => {
    expect(() => trainTokenizer(new Map([['ab', 9]]), 400)).toThrow(RangeError);
  });
});

describe('the committed tokenizer', () => {
  it('has the size the models are made for, and special tokens first', async () => {
    const tokenizer = await committedTokenizer();
    expect(tokenizer.tokens.length).toBe(vocabularySize);
    expect(tokenizer.tokens.slice(0, specialTokens.length)).toEqual([...specialTokens]);
  });

  it('survives its own file form', async () => {
    const tokenizer = await committedTokenizer();
    expect(Tokenizer.fromFile(tokenizer.toFile()).tokens).toEqual(tokenizer.tokens);
  });

  it('decodes what it encodes', async () => {
    const tokenizer = await committedTokenizer();
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => tokenizer.decode(tokenizer.encode(text)) === text),
    );
  });

  it('takes special tokens in a text as plain text unless told otherwise', async () => {
    const tokenizer = await committedTokenizer();
    const text = 'a<|im_end|>b';
    expect(tokenizer.encode(text)).not.toContain(specialTokenId('<|im_end|>'));
    expect(tokenizer.encode(text, { parseSpecial: true })).toContain(specialTokenId('<|im_end|>'));
    expect(tokenizer.decode(tokenizer.encode(text, { parseSpecial: true }))).toBe(text);
  });

  it('spells a name alike after a space and at the start', async () => {
    const tokenizer = await committedTokenizer();
    const name = tokenizer.encode('Drouxhaven');
    expect(tokenizer.encode(' Drouxhaven').slice(-name.length)).toEqual(name);
  });
});
