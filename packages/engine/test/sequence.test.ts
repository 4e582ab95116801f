import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Sequence } from '../src/runner/sequence.ts';

const options = { id: 1, prompt: [1, 2, 3], maxTokens: 1000, contextTokens: 2000, stop: [] };

/** Cuts `bytes` into tokens of one to four bytes, which is how a byte-level vocabulary may cut a character. */
const tokensOf = (bytes: Uint8Array, sizes: number[]): Uint8Array[] => {
  const tokens: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes.length > 0 ? sizes[i % sizes.length]! : 1;
    tokens.push(bytes.subarray(at, at + size));
    at += size;
  }
  return tokens;
};

const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 20 });

test('characters arrive whole, wherever the borders between tokens are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), sizes, (text, cuts) => {
      const sequence = new Sequence(options);
      const pieces = tokensOf(Buffer.from(text), cuts).map((bytes, i) => sequence.accept(i, bytes).text);
      for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
      expect(pieces.join('') + sequence.end('stop').text).toBe(text);
    }),
    { numRuns: 3000 },
  );
});

test('bytes that are no UTF-8 come out as one decoding of all of them would give', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), sizes, (bytes, cuts) => {
      const sequence = new Sequence(options);
      const pieces = tokensOf(bytes, cuts).map((token, i) => sequence.accept(i, token).text);
      const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
      expect(pieces.join('') + sequence.end('stop').text).toBe(whole);
    }),
    { numRuns: 3000 },
  );
});

test('generation ends at maxTokens or at the end of the context, and the counts are exact', () => {
  const byTokens = new Sequence({ ...options, maxTokens: 2 });
  expect(byTokens.accept(9, Buffer.from('a'))).toEqual({ text: 'a' });
  expect(byTokens.accept(9, Buffer.from('b'))).toEqual({ text: 'b', finish: 'length' });
  expect(byTokens.usage).toEqual({ promptTokens: 3, cachedTokens: 0, completionTokens: 2 });

  const byContext = new Sequence({ ...options, contextTokens: 4 });
  expect(byContext.accept(9, Buffer.from('a'))).toEqual({ text: 'a', finish: 'length' });
});

test('text held back for a stop string comes with the end', () => {
  const sequence = new Sequence({ ...options, maxTokens: 2, stop: ['END'] });
  expect(sequence.accept(9, Buffer.from('x E'))).toEqual({ text: 'x ' });
  expect(sequence.accept(9, Buffer.from('N'))).toEqual({ text: 'EN', finish: 'length' });

  const ended = new Sequence({ ...options, stop: ['END'] });
  expect(ended.accept(9, Buffer.from('x E'))).toEqual({ text: 'x ' });
  expect(ended.end('stop')).toEqual({ text: 'E', finish: 'stop' });
});
