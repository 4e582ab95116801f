import { expect, test } from 'vitest';
import type { Outcome } from '../src/protocol.ts';
import { ReportPace } from '../src/runner/report-pace.ts';

const text = (id: number): Outcome => ({ id, text: 'a' });
const finish: Outcome = {
  id: 1,
  text: 'a',
  finish: { reason: 'stop', promptTokens: 1, cachedTokens: 0, completionTokens: 1 },
};

/** How many steps each report of a second is about, when all steps take so long and give the same. */
function simulate(stepMs: number, outcomes: Outcome[]): number[] {
  let time = 0;
  const pace = new ReportPace(() => time);
  const reports: number[] = [];
  for (let waiting = 1; time < 1000; waiting++) {
    time += stepMs;
    if (pace.mayWait(outcomes, stepMs)) continue;
    pace.reported(outcomes);
    reports.push(waiting);
    waiting = 0;
  }
  return reports;
}

test('texts of short steps are reported together, so that none waits for longer than a thirtieth of a second', () => {
  const [first, ...others] = simulate(2, [text(1), text(2)]);
  expect(first).toBe(1);
  expect(new Set(others)).toEqual(new Set([16]));
});

test('texts of long steps are reported after each', () => {
  expect(new Set(simulate(17, [text(1)]))).toEqual(new Set([1]));
});

test('the first text of a request, its end and its failure do not wait', () => {
  const pace = new ReportPace(() => 0);
  pace.reported([text(1)]);
  expect(pace.mayWait([text(1)], 1)).toBe(true);
  expect(pace.mayWait([text(1), text(2)], 1)).toBe(false);
  expect(pace.mayWait([finish], 1)).toBe(false);
  expect(pace.mayWait([{ id: 1, error: { code: 'internal', details: {} } }], 1)).toBe(false);
});
