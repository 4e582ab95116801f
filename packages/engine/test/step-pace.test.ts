import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StepPace } from '../src/runner/step-pace.ts';

const batchTokens = 512;

function paceOf(msPerToken: number): StepPace {
  const pace = new StepPace();
  pace.observe(100, 100 * msPerToken);
  return pace;
}

test('a step of prompts is shorter while others wait for their next token, and fills whole tiles with these', () => {
  const pace = paceOf(2.7);
  expect(pace.promptTokens(false, batchTokens)).toBe(320);
  expect(pace.promptTokens(true, batchTokens, 5)).toBe(256 - 5);
  expect(paceOf(0.1).promptTokens(true, batchTokens, 5)).toBe(batchTokens - 5);
  expect(paceOf(20).promptTokens(true, batchTokens, 1)).toBe(36);
  expect(paceOf(500).promptTokens(true, batchTokens, 9)).toBe(16);
});

test('until the pace is known a few tokens are computed', () => {
  expect(new StepPace().promptTokens(false, batchTokens)).toBe(128);
  expect(new StepPace().promptTokens(true, batchTokens, 3)).toBe(61);
});

test('prompts get on at any pace, and never more of them than a batch has room for', () => {
  const pace = fc.double({ min: 1e-3, max: 1e4, noNaN: true });
  fc.assert(
    fc.property(pace, fc.boolean(), fc.nat({ max: batchTokens - 16 }), (ms, others, generated) => {
      const tokens = paceOf(ms).promptTokens(others, batchTokens, generated);
      expect(tokens).toBeGreaterThanOrEqual(16);
      expect(tokens + generated).toBeLessThanOrEqual(Math.max(batchTokens, 16 + generated));
    }),
  );
});
