import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { weightedPick } from '../src/runner/weighted-pick.ts';

const weight = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 0, max: 1e-6, noNaN: true }),
  fc.constant(0),
);
const distribution = fc
  .array(weight, { minLength: 1, maxLength: 200 })
  .filter((weights) => weights.some((each) => each > 1e-3))
  .map((weights) => {
    const sum = weights.reduce((a, b) => a + b, 0);
    return Float32Array.from(weights, (each) => each / sum);
  });
const topP = fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }));

/** Tokens by falling probability, as long as those before them do not make up `topP`. */
function allowed(probabilities: Float32Array, most: number): number[] {
  const tokens = [...probabilities.keys()].filter((token) => probabilities[token]! > 0);
  tokens.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  let before = 0;
  return tokens.filter((token, at) => {
    const within = at === 0 || most >= 1 || before < most;
    before += probabilities[token]!;
    return within;
  });
}

describe('a pick', () => {
  test('is one of the tokens that the cut leaves, and each of them can be picked', () => {
    fc.assert(
      fc.property(distribution, topP, fc.integer({ min: 0, max: 999 }), (probabilities, most, thousandth) => {
        const tokens = allowed(probabilities, most);
        expect(tokens).toContain(weightedPick(probabilities, most, thousandth / 1000));
        const sum = tokens.reduce((total, token) => total + probabilities[token]!, 0);
        let before = 0;
        for (const token of most >= 1 ? tokens.toSorted((a, b) => a - b) : tokens) {
          const share = probabilities[token]! / sum;
          // In the middle of its share; rounding is far away.
          if (share > 1e-3) expect(weightedPick(probabilities, most, before + share / 2)).toBe(token);
          before += share;
        }
      }),
      { numRuns: 500 },
    );
  });

  test('comes as often as its probability says', () => {
    const probabilities = Float32Array.of(0.1, 0, 0.6, 0.3);
    const shares = (most: number) => {
      const counts = [0, 0, 0, 0];
      for (let i = 0; i < 1000; i++) counts[weightedPick(probabilities, most, i / 1000)!]!++;
      return counts.map((each) => Math.round(each / 10));
    };
    expect(shares(1)).toEqual([10, 0, 60, 30]);
    expect(shares(0.7)).toEqual([0, 0, 67, 33]);
    expect(shares(0.5)).toEqual([0, 0, 100, 0]);
    expect(shares(0)).toEqual([0, 0, 100, 0]);
  });

  test('is none where no token is possible, as where a model has computed nonsense', () => {
    for (const most of [1, 0.5]) {
      expect(weightedPick(new Float32Array(8), most, 0.5)).toBeUndefined();
      expect(weightedPick(new Float32Array(8).fill(NaN), most, 0.5)).toBeUndefined();
    }
  });

  test('finds its tokens among many unlikely ones', () => {
    const probabilities = new Float32Array(200_000).fill(0.5 / 199_999);
    probabilities[777] = 0.5;
    expect(weightedPick(probabilities, 0.4, 0.99)).toBe(777);
    expect(weightedPick(probabilities, 0.9, 0.99)).not.toBe(777);
  });
});
