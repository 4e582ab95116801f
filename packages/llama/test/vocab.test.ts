import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { useTinyModel } from './tiny-model-file.ts';

const used = useTinyModel();

describe('Vocab', () => {
  it('tokenises any text and gives it back', () => {
    const { vocab } = used.model;
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(vocab.detokenize(vocab.tokenize(text))).toBe(text);
      }),
    );
    const text = 'Grüße, 你好, नमस्ते, 👩‍👩‍👧 \0 and the rest\r\n';
    expect(vocab.detokenize(vocab.tokenize(text))).toBe(text);
  });

  it('applies its merges, and spells the rest in bytes', () => {
    const { vocab } = used.model;
    expect([...vocab.tokenize(' the')].map((token) => vocab.text(token))).toEqual(['Ġthe']);
    expect(vocab.tokenize('你')).toHaveLength(3);
    const bytes = [...vocab.tokenize('你')].flatMap((token) => [...vocab.pieceBytes(token)]);
    expect(Buffer.from(bytes).toString()).toBe('你');
  });

  it.each(['a', '7', ' ', '\n', '!', 'ü', '中', '🙂', "a'"])(
    'refuses runs of %j that would overflow a native stack',
    (unit) => {
      const { vocab } = used.model;
      const run = unit.repeat(Math.ceil(20_481 / unit.length));
      expect(() => vocab.tokenize(`fine until ${run}`)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
      // As long, but in words.
      const words = run.replace(/.{1000}/gsu, '$&x 1');
      expect(vocab.detokenize(vocab.tokenize(words))).toBe(words);
    },
  );

  it('reads control tokens in text only when asked to', () => {
    const { vocab } = used.model;
    const text = '<|im_start|>user';
    const start = vocab.specialTokens().find((token) => token.text === '<|im_start|>')?.id;
    expect(vocab.tokenize(text, { parseSpecial: true })[0]).toBe(start);
    expect([...vocab.tokenize(text)]).not.toContain(start);
    expect(vocab.detokenize(vocab.tokenize(text))).toBe(text);
    expect(vocab.pieceBytes(start!)).toHaveLength(0);
    expect(Buffer.from(vocab.pieceBytes(start!, true)).toString()).toBe('<|im_start|>');
  });

  it('knows its special tokens', () => {
    const { vocab } = used.model;
    const names = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'];
    expect(vocab.specialTokens().map(({ text }) => text)).toEqual(names);
    const id = (text: string): number | undefined => vocab.specialTokens().find((token) => token.text === text)?.id;
    expect(vocab).toMatchObject({
      size: 320,
      bos: id('<|endoftext|>'),
      eos: id('<|im_end|>'),
      addBos: false,
      addEos: false,
    });
    expect(vocab.fim).toMatchObject({
      prefix: id('<|fim_prefix|>'),
      suffix: id('<|fim_suffix|>'),
      middle: id('<|fim_middle|>'),
    });
    expect(vocab.fim.repository).toBeUndefined();
    expect(vocab.isEog(id('<|im_end|>')!)).toBe(true);
    expect(vocab.isEog(0)).toBe(false);
    expect(vocab.isControl(id('<|im_start|>')!)).toBe(true);
  });

  it('tokenises long texts', () => {
    const text = 'the thing in the inner ring '.repeat(40_000);
    expect(used.model.vocab.tokenize(text).length).toBeGreaterThan(100_000);
    const oneWord = 'a'.repeat(20_000);
    expect(used.model.vocab.detokenize(used.model.vocab.tokenize(oneWord))).toBe(oneWord);
  });

  it('refuses token ids that it does not have', () => {
    const { vocab } = used.model;
    for (const token of [-1, 320, 1.5, NaN, 2 ** 32]) {
      expect(() => vocab.pieceBytes(token)).toThrow(/a token id is .*, not an integer from 0 to 319/);
      expect(() => vocab.isEog(token)).toThrow(/a token id/);
    }
    expect(() => vocab.detokenize(Int32Array.of(1, 320))).toThrow(/a token id is 320/);
  });
});
