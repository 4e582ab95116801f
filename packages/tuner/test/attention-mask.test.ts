import fc from 'fast-check';
import { expect, it } from 'vitest';
import { attentionMask } from '../src/run/attention-mask.ts';

/** Lengths of what a bin holds: a beginning, and the answers that share it. */
const group = fc.record({
  beginning: fc.integer({ min: 1, max: 5 }),
  answers: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
});

it('lets a query see its row up to itself and within the window, and nothing of other rows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(group, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 2 }),
      fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
      (bins, window) => {
        const length = 48;
        const positions = new Int32Array(length * bins.length);
        /** The rows that a position belongs to, and whether it is a beginning's. */
        const rowOf: ({ group: number; answer: number } | undefined)[] = Array.from({ length: positions.length });
        const stretches = bins.map((groups, bin) => {
          let at = 0;
          return groups.flatMap(({ beginning, answers }, number) => {
            const prefix = { from: at, to: at + beginning };
            const place = (count: number, answer: number, first: number) => {
              const from = at;
              for (let i = 0; i < count; i++, at++) {
                positions[bin * length + at] = first + i;
                rowOf[bin * length + at] = { group: number, answer };
              }
              return { from, to: at };
            };
            const shared = place(beginning, -1, 0);
            return [shared, ...answers.map((count, answer) => ({ ...place(count, answer, beginning), prefix }))];
          });
        });
        const rule = { causal: true, ...(window !== undefined && { window }) };
        const mask = attentionMask({ stretches, positions }, { length, bins: bins.length, wanted: 1 }, rule);
        const expected = new Float32Array(mask.length).fill(-Infinity);
        for (let query = 0; query < positions.length; query++) {
          for (let k = 0; k < length; k++) {
            const key = Math.floor(query / length) * length + k;
            const [q, kept] = [rowOf[query], rowOf[key]];
            const distance = positions[query]! - positions[key]!;
            const seen =
              query === key ||
              (q !== undefined &&
                kept?.group === q.group &&
                (kept.answer === q.answer || kept.answer === -1) &&
                distance >= 0 &&
                distance < (window ?? Infinity));
            if (seen) expected[query * length + k] = 0;
          }
        }
        expect(Buffer.from(mask.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

it('lets every token of an encoder see its whole row', () => {
  const stretches = [
    [
      { from: 0, to: 2 },
      { from: 2, to: 5 },
    ],
  ];
  const mask = attentionMask(
    { stretches, positions: new Int32Array(6) },
    { length: 6, bins: 1, wanted: 1 },
    { causal: false },
  );
  const seen = (query: number) => Array.from({ length: 6 }, (_, key) => mask[query * 6 + key] === 0);
  expect(seen(0)).toEqual([true, true, false, false, false, false]);
  expect(seen(3)).toEqual([false, false, true, true, true, false]);
  expect(seen(5)).toEqual([false, false, false, false, false, true]);
});
