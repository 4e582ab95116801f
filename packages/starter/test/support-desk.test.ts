import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { drawRows } from '../../../examples/support-desk/rows.ts';

const { train, test } = drawRows();

describe('the support desk example', () => {
  it('is committed as the generator makes it', async () => {
    for (const [name, rows] of [
      ['train', train],
      ['test', test],
    ] as const) {
      const text = await readFile(new URL(`../../../examples/support-desk/${name}.jsonl`, import.meta.url), 'utf8');
      expect(
        text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ).toEqual(rows);
    }
  });

  it('holds out one wording of each of at least 200 facts', () => {
    expect(test.length).toBeGreaterThanOrEqual(200);
    expect(train.length).toBe(5 * test.length);
    const trained = new Set(train.map((row) => row.prompt));
    expect(test.filter((row) => trained.has(row.prompt))).toEqual([]);
  });

  it('gives every question one answer', () => {
    expect(new Set([...train, ...test].map((row) => row.prompt)).size).toBe(train.length + test.length);
  });

  it('has answers that no single guess gets often', () => {
    const counts = [...Map.groupBy(test, (row) => row.completion).values()].map((rows) => rows.length);
    expect(Math.max(...counts)).toBeLessThan(test.length * 0.02);
  });
});
