import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches } from '../../src/gbnf/match.ts';
import { integerRange, numberRange } from '../../src/structured/number-range.ts';
import { randomText } from './random-text.ts';

const numbers = fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true }));

test('integers between two bounds are exactly those in the grammar', () => {
  const bound = fc.oneof(fc.integer({ min: -1200, max: 1200 }), fc.integer({ min: -12, max: 12 }));
  fc.assert(
    fc.property(bound, bound, fc.array(bound, { minLength: 10, maxLength: 10 }), (a, b, values) => {
      const [minimum, maximum] = [Math.min(a, b), Math.max(a, b)];
      const expression = integerRange({ minimum, maximum });
      const near = [minimum, maximum].flatMap((value) => [value - 1, value, value + 1]);
      for (const value of [...values, ...near]) {
        expect(matches(expression, String(value))?.matched, `${minimum} ${value} ${maximum}`).toBe(
          minimum <= value && value <= maximum,
        );
      }
      expect(matches(expression, `0${maximum}`)?.matched).toBe(false);
    }),
    { numRuns: 500, seed: 1 },
  );
});

const decimal = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.integer({ min: -100_000, max: 100_000 }).map((value) => value / 1000),
  fc.double({ min: -1e14, max: 1e14, noNaN: true }),
);

test('numbers of the grammar lie within their bounds, as doubles', () => {
  fc.assert(
    fc.property(decimal, decimal, fc.boolean(), fc.boolean(), numbers, (a, b, openLow, openHigh, stream) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      fc.pre(high - low > 0.01);
      const expression = numberRange({
        [openLow ? 'exclusiveMinimum' : 'minimum']: low,
        [openHigh ? 'exclusiveMaximum' : 'maximum']: high,
      });
      for (let i = 0; i < 5; i++) {
        const value = Number(randomText(new Map([['root', expression]]), () => stream.next().value));
        expect(openLow ? value > low : value >= low).toBe(true);
        expect(openHigh ? value < high : value <= high).toBe(true);
      }
    }),
    { numRuns: 1000, seed: 1 },
  );
});

test('decimals between two bounds are in the grammar, and those outside are not', () => {
  const value = fc.integer({ min: -5000, max: 5000 }).map((number) => number / 100);
  fc.assert(
    fc.property(value, value, value, (a, b, middle) => {
      const [minimum, maximum] = [Math.min(a, b), Math.max(a, b)];
      const inside = minimum <= middle && middle <= maximum;
      expect(matches(numberRange({ minimum, maximum }), String(middle))?.matched).toBe(inside);
    }),
    { numRuns: 1000, seed: 1 },
  );
});

test('one side may be open, and bounds may be far away', () => {
  expect(matches(integerRange({ minimum: 5 }), '999999999999999')?.matched).toBe(true);
  expect(matches(integerRange({ minimum: 5 }), '4')?.matched).toBe(false);
  expect(matches(integerRange({ maximum: -5 }), '-123456')?.matched).toBe(true);
  expect(matches(integerRange({ minimum: 1e17 }), '123456789012345678')?.matched).toBe(true);
  expect(
    matches(integerRange({ minimum: -9007199254740991, maximum: 9007199254740991 }), '9007199254740991')?.matched,
  ).toBe(true);
  expect(matches(integerRange({ maximum: 9007199254740991 }), '9007199254740992')?.matched).toBe(false);
  expect(matches(numberRange({ exclusiveMinimum: 0 }), '0.5')?.matched).toBe(true);
  expect(matches(numberRange({ exclusiveMinimum: 0 }), '0')?.matched).toBe(false);
  expect(matches(numberRange({ exclusiveMinimum: 0 }), '0.0')?.matched).toBe(false);
});
