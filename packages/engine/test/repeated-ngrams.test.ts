import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RepeatedNgrams } from '../src/runner/repeated-ngrams.ts';

test('a token is banned exactly when it would repeat an n-gram', () => {
  const tokens = fc.array(fc.nat(4), { maxLength: 40 });
  fc.assert(
    fc.property(tokens, fc.integer({ min: 1, max: 5 }), (sequence, size) => {
      const ngrams = new RepeatedNgrams(size);
      for (const token of sequence) ngrams.accept(token);
      const seen = new Set<string>();
      for (let i = 0; i + size <= sequence.length; i++) seen.add(sequence.slice(i, i + size).join());
      const repeats = [0, 1, 2, 3, 4].filter((next) => {
        const tail = [...sequence, next].slice(-size);
        return tail.length === size && seen.has(tail.join());
      });
      expect([...ngrams.banned()].sort()).toEqual(repeats);
    }),
    { numRuns: 2000 },
  );
});
