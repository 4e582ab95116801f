import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StepPace } from '../src/runner/step-pace.ts';

const batchTokens = 512;

function paceOf(msPerToken: number): StepPace {
  const pace = new StepPace();
  pace.observe(100, 100 * msPerToken);
  return pace;
}

test('a step of prompts takes a second at most, and fills whole tiles together with the tokens of others', () => {
  expect(paceOf(2.7).promptTokens(batchTokens)).toBe(320);
  expect(paceOf(2.7).promptTokens(batchTokens, 5)).toBe(320 - 5);
  expect(paceOf(2.7).promptTokens(batchTokens, 0, 250)).toBe(64);
  expect(paceOf(0.1).promptTokens(batchTokens, 5)).toBe(batchTokens - 5);
  expect(paceOf(20).promptTokens(batchTokens, 1)).toBe(49);
  expect(paceOf(500).promptTokens(batchTokens, 9)).toBe(16);
});

test('until the pace is known a few tokens are computed', () => {
  expect(new StepPace().promptTokens(batchTokens)).toBe(128);
  expect(new StepPace().promptTokens(batchTokens, 3)).toBe(125);
});

test('prompts get on at any pace, and never more of them than a batch has room for', () => {
  const pace = fc.double({ min: 1e-3, max: 1e4, noNaN: true });
  fc.assert(
    fc.property(pace, fc.nat({ max: batchTokens - 16 }), (ms, generated) => {
      const tokens = paceOf(ms).promptTokens(batchTokens, generated);
      expect(tokens).toBeGreaterThanOrEqual(16);
      expect(tokens + generated).toBeLessThanOrEqual(Math.max(batchTokens, 16 + generated));
    }),
  );
});
