import fc from 'fast-check';
import { expect, test } from 'vitest';
import { embeddingIn } from '../src/embedding-form.ts';

const options = { dimensions: undefined, normalise: false };
const vector = new Float32Array([1, -1, 0, 0.5, -0.25, 0.004, -0.004, 0.1, 0.3, -0.3]);

test('smaller numbers', () => {
  expect([...embeddingIn(vector, { ...options, form: 'int8' })]).toEqual([127, -127, 0, 64, -32, 1, -1, 13, 38, -38]);
  expect([...embeddingIn(vector, { ...options, form: 'uint8' })]).toEqual([
    255, 1, 128, 192, 96, 129, 127, 141, 166, 90,
  ]);
  expect([...embeddingIn(vector, { ...options, form: 'ubinary' })]).toEqual([0b10010101, 0b10000000]);
  expect([...embeddingIn(vector, { ...options, form: 'binary' })]).toEqual([0b10010101 - 128, 0]);
});

test('a normalised vector stays near itself in each form', () => {
  const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });
  fc.assert(
    fc.property(fc.array(finite, { minLength: 1, maxLength: 40 }), (numbers) => {
      const hidden = Float32Array.from(numbers);
      const normal = embeddingIn(hidden, { ...options, normalise: true, form: 'float' });
      const int8 = embeddingIn(hidden, { ...options, normalise: true, form: 'int8' });
      const uint8 = embeddingIn(hidden, { ...options, normalise: true, form: 'uint8' });
      for (const [index, x] of normal.entries()) {
        expect(Math.abs(int8[index]! / 127 - x)).toBeLessThan(0.5 / 127 + 1e-6);
        expect(uint8[index]! - 128).toBe(int8[index]!);
      }
    }),
  );
});

test('no more dimensions than there are', () => {
  expect(() => embeddingIn(vector, { ...options, dimensions: 11, form: 'float' })).toThrow(/have 10/);
});
