import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRecords, writeRecords } from '@atelier/data';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrivals } from '../src/core/training/arrivals.ts';
import { planBatches } from '../src/core/training/batches.ts';
import { joined, requireValidRows } from '../src/core/training/sources.ts';
import { inOrder } from '../src/core/training/in-order.ts';
import { exactMatch, tokenF1 } from '../src/core/training/scores.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

describe('scores', () => {
  it.each<[string, string, number, number]>([
    ['Paris', 'Paris', 1, 1],
    ['Paris', ' Paris\n', 1, 1],
    ['Paris', 'paris', 0, 1],
    ['caf\u00e9', 'cafe\u0301', 1, 1],
    ['the red house', 'a red house', 0, 2 / 3],
    ['one two', 'two two', 0, 1 / 2],
    ['', '', 1, 1],
    ['', 'something', 0, 0],
    ['東京', '東京', 1, 1],
    ['1 + 1', '1 - 1', 0, 0.8],
    ['a b c d', 'a', 0, 0.4],
  ])('%j against %j: exact match %d, F1 %f', (expected, predicted, exact, f1) => {
    expect(exactMatch(expected, predicted)).toBe(exact);
    expect(tokenF1(expected, predicted)).toBeCloseTo(f1, 12);
  });

  it('F1 lies between 0 and 1, is symmetric, and is 1 for what matches exactly', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        const f1 = tokenF1(a, b);
        expect(f1).toBeGreaterThanOrEqual(0);
        expect(f1).toBeLessThanOrEqual(1);
        expect(tokenF1(b, a)).toBe(f1);
        expect(tokenF1(a, a)).toBe(1);
        if (exactMatch(a, b) === 1) expect(f1).toBe(1);
      }),
    );
  });
});

describe('batches', () => {
  it('hold the rows of one step in one micro-batch while that fits', () => {
    expect(planBatches(4, 40, 1024)).toEqual({ batchTokens: 160, gradientAccumulation: 1 });
    expect(planBatches(32, 400, 1024)).toEqual({ batchTokens: 3200, gradientAccumulation: 4 });
    expect(planBatches(1, 3, 1024)).toEqual({ batchTokens: 16, gradientAccumulation: 1 });
  });

  it('count a row for no more than it is cut to', () => {
    expect(planBatches(2, 100_000, 256)).toEqual({ batchTokens: 512, gradientAccumulation: 1 });
  });

  it('are always what the tuner takes, and together about the tokens of the rows asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 16_777_216 }),
        fc.double({ min: 0.1, max: 1e6, noNaN: true }),
        fc.integer({ min: 8, max: 1_048_576 }),
        (rows, tokens, most) => {
          const { batchTokens, gradientAccumulation } = planBatches(rows, tokens, most);
          expect(Number.isInteger(batchTokens) && batchTokens >= 16 && batchTokens <= 1_048_576).toBe(true);
          expect(
            Number.isInteger(gradientAccumulation) && gradientAccumulation >= 1 && gradientAccumulation <= 4096,
          ).toBe(true);
          const wanted = rows * Math.min(tokens, most);
          if (wanted >= 16 && wanted < 4096 * 4096)
            expect(batchTokens * gradientAccumulation).toBeGreaterThanOrEqual(Math.floor(wanted));
        },
      ),
    );
  });
});

describe('sources', () => {
  const bad = { line: 3, field: 'messages', reason: 'must not be empty' };
  const source = (file: string, weight = 1) => ({ file, weight, records: 8, invalid_rows: 0, invalid_examples: [] });

  it('are joined in order, and records carry weights where they differ', async () => {
    await using directory = await temporaryDirectory();
    const files = ['a', 'b'].map((name) => path.join(directory.path, name));
    await writeRecords(files[0]!, [{ kind: 'text', text: 'a' }]);
    await writeRecords(files[1]!, [
      { kind: 'text', text: 'b', weight: 0.5 },
      { kind: 'text', text: 'c' },
    ]);
    const read = async (...weights: number[]) => {
      const to = path.join(directory.path, weights.join());
      const sources = files.map((file, index) => source(file, weights[index]));
      return Array.fromAsync(readRecords((await joined(sources, to))!));
    };
    expect(await read(2, 2)).toEqual([
      { kind: 'text', text: 'a' },
      { kind: 'text', text: 'b', weight: 0.5 },
      { kind: 'text', text: 'c' },
    ]);
    expect(await read(2, 3)).toEqual([
      { kind: 'text', text: 'a', weight: 2 },
      { kind: 'text', text: 'b', weight: 1.5 },
      { kind: 'text', text: 'c', weight: 3 },
    ]);
    expect(await joined([source(files[0]!, 7)], 'nowhere')).toBe(files[0]);
    await writeRecords(files[0]!, [{ kind: 'pair', first: 'a', second: 'b' }]);
    await expect(read(4, 5)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('are valid while no more of their rows are bad than is allowed', () => {
    const sources = [source('a'), { ...source('b'), invalid_rows: 4, invalid_examples: [bad] }];
    expect(() => requireValidRows(sources, 0.2)).not.toThrow();
    expect(() => requireValidRows(sources, 0.19)).toThrow('Line 3, field messages');
    expect(() => requireValidRows([source('a')], 0)).not.toThrow();
  });
});

describe('arrivals', () => {
  async function* numbers(count: number, every: number): AsyncGenerator<number> {
    for (let i = 0; i < count; i++) {
      if (i % every === 0) await sleep(1);
      yield i;
    }
  }

  it('give every item once, in order, in arrays of at most the given length', async () => {
    const batches: number[][] = [];
    for await (const batch of arrivals(numbers(100, 7), 10)) {
      batches.push(batch);
      await sleep(2);
    }
    expect(batches.flat()).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(10);
    expect(batches.length).toBeLessThan(50);
  });

  it('give what came before an error, then the error', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      throw new Error('broken');
    }
    const seen: number[] = [];
    await expect(async () => {
      for await (const batch of arrivals(failing(), 10)) seen.push(...batch);
    }).rejects.toThrow('broken');
    expect(seen).toEqual([1]);
  });

  it('let go of the source when the reader leaves', async () => {
    let left = false;
    async function* endless(): AsyncGenerator<number> {
      try {
        for (;;) {
          await sleep(1);
          yield 1;
        }
      } finally {
        left = true;
      }
    }
    for await (const _batch of arrivals(endless(), 10)) break;
    await sleep(20);
    expect(left).toBe(true);
  });
});

describe('inOrder', () => {
  async function* items(count: number): AsyncGenerator<number> {
    for (let i = 0; i < count; i++) yield i;
  }

  it('keeps the order of the items and never does more at once than it may', async () => {
    let running = 0;
    let most = 0;
    const work = async (item: number) => {
      most = Math.max(most, ++running);
      await sleep((item * 7) % 5);
      running--;
      return item * 2;
    };
    const results: number[] = [];
    for await (const result of inOrder(items(40), 4, work)) results.push(result);
    expect(results).toEqual(Array.from({ length: 40 }, (_, i) => i * 2));
    expect(most).toBe(4);
  });

  it('waits for what is under way before it passes an error on', async () => {
    let running = 0;
    const work = async (item: number) => {
      running++;
      await sleep(item === 0 ? 0 : 10);
      running--;
      if (item === 0) throw new Error('broken');
      return item;
    };
    await expect(async () => {
      for await (const _ of inOrder(items(10), 3, work));
    }).rejects.toThrow('broken');
    expect(running).toBe(0);
  });
});
