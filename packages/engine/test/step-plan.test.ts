import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGenerating, planStep } from '../src/runner/step-plan.ts';

const member = fc
  .record({ length: fc.integer({ min: 1, max: 50 }), pending: fc.integer({ min: 1, max: 50 }) })
  .map(({ length, pending }) => ({ sequence: { tokens: { length }, cached: Math.max(0, length - pending) } }));

test('a step stays within its budgets, serves all that generate, and always gets on', () => {
  const budget = fc.record({
    batchTokens: fc.integer({ min: 16, max: 64 }),
    promptTokens: fc.integer({ min: 1, max: 64 }),
    cacheTokens: fc.integer({ min: 50, max: 400 }),
    apart: fc.constantFrom('prompts' as const, 'generated' as const, undefined),
  });
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 16 }), budget, (members, limits) => {
      // What is cached fits, as every step before this one made sure.
      let held = 0;
      const active = members.filter(({ sequence }) => {
        if (held + sequence.cached > limits.cacheTokens) return false;
        held += sequence.cached;
        return true;
      });
      if (active.length === 0) return;
      const { slices, evicted } = planStep(active, limits);
      const taken = slices.reduce((total, slice) => total + slice.count, 0);
      const staying = active.filter((each) => !evicted.includes(each));
      const cached = staying.reduce((total, { sequence }) => total + sequence.cached, 0);

      expect(taken).toBeLessThanOrEqual(limits.batchTokens);
      expect(cached + taken).toBeLessThanOrEqual(limits.cacheTokens);
      for (const { member: each, count } of slices) {
        expect(count).toBeGreaterThan(0);
        expect(each.sequence.cached + count).toBeLessThanOrEqual(each.sequence.tokens.length);
        expect(staying).toContain(each);
      }
      expect(evicted).not.toContain(active[0]);
      const generating = staying.filter(isGenerating);
      const prompts = staying.length - generating.length;
      const { apart } = limits;
      const served = slices.filter(({ member: each }) => isGenerating(each)).length;
      if (apart !== 'prompts' || prompts === 0) expect(served).toBe(generating.length);
      if (apart !== undefined && served > 0) expect(taken).toBe(served);
      expect(taken - served).toBeLessThanOrEqual(limits.promptTokens);
      // One that generates keeps the room for its token.
      expect(cached + taken - served + generating.length).toBeLessThanOrEqual(limits.cacheTokens);
      if (generating.length > 0 || staying.length === 1) expect(taken).toBeGreaterThan(0);
    }),
    { numRuns: 3000 },
  );
});

test('prompts are served in the order in which they came', () => {
  const [first, second, third] = [10, 10, 10].map((length) => ({ sequence: { tokens: { length }, cached: 0 } }));
  const { slices } = planStep([first!, second!, third!], { batchTokens: 15, promptTokens: 15, cacheTokens: 100 });
  expect(slices).toEqual([
    { member: first, count: 10 },
    { member: second, count: 5 },
  ]);
});
