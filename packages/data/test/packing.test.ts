import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packRows, type MicroBatch, type TokenRow } from '../src/index.ts';

/** A row whose tokens name it: row * 1000 + place. */
function namedRow(row: number, length: number, learntFrom = 1): TokenRow {
  return {
    tokens: Int32Array.from({ length }, (_, i) => row * 1000 + i),
    weights: Float32Array.from({ length }, (_, i) => (i >= Math.max(1, learntFrom) ? 0.5 : 0)),
  };
}

const rowLengths = fc.array(fc.integer({ min: 2, max: 60 }), { minLength: 1, maxLength: 80 });

const contents = ({ tokens, positions, rowStarts, targets, weights }: MicroBatch): unknown =>
  [tokens, positions, rowStarts, targets, weights].map((part) => [...part]);

describe('packing', () => {
  it('puts every row whole into exactly one micro-batch', () => {
    fc.assert(
      fc.property(
        rowLengths,
        fc.integer({ min: 60, max: 200 }),
        fc.nat(),
        fc.nat(5),
        (lengths, batchTokens, seed, epoch) => {
          const rows = lengths.map((length, row) => namedRow(row, length));
          const packed = packRows(rows, { batchTokens, maxSequenceTokens: 60, seed, epoch });
          const seen: number[] = [];
          for (const batch of packed) {
            expect(batch.tokens.length).toBeLessThanOrEqual(batchTokens);
            for (const [r, start] of batch.rowStarts.entries()) {
              const end = batch.rowStarts[r + 1] ?? batch.tokens.length;
              const row = Math.floor(batch.tokens[start]! / 1000);
              expect([...batch.tokens.subarray(start, end)]).toEqual([...rows[row]!.tokens]);
              expect([...batch.positions.subarray(start, end)]).toEqual([...rows[row]!.tokens.keys()]);
              expect([...batch.targets.subarray(start, end)]).toEqual([...rows[row]!.tokens.subarray(1), -1]);
              expect([...batch.weights.subarray(start, end)]).toEqual([...rows[row]!.weights.subarray(1), 0]);
              seen.push(row);
            }
          }
          expect(seen.sort((a, b) => a - b)).toEqual([...rows.keys()]);
          expect(packed.tokens).toBe(lengths.reduce((sum, length) => sum + length, 0));
          expect(packed.supervisedTokens).toBe(packed.tokens - rows.length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('gives the same micro-batches for the same seed and epoch, and others for others', () => {
    const rows = Array.from({ length: 100 }, (_, row) => namedRow(row, 5 + ((row * 7) % 40)));
    const packed = (seed: number, epoch: number): unknown =>
      [...packRows(rows, { batchTokens: 128, maxSequenceTokens: 64, seed, epoch })].map(contents);
    expect(packed(1, 2)).toEqual(packed(1, 2));
    for (const [seed, epoch] of [
      [1, 3],
      [2, 2],
      [2, 1],
    ] as const)
      expect(packed(seed, epoch)).not.toEqual(packed(1, 2));
  });

  it('cuts long rows and leaves out those that lose everything to learn, and counts both', () => {
    const rows = [namedRow(0, 10), namedRow(1, 50), namedRow(2, 50, 40), namedRow(3, 5, 5)];
    const packed = packRows(rows, { batchTokens: 64, maxSequenceTokens: 20 });
    expect(packed).toMatchObject({
      rows: 2,
      tokens: 30,
      supervisedTokens: 28,
      truncatedRows: 2,
      droppedRows: 2,
      length: 1,
    });
    expect(packed.at(0).tokens).toHaveLength(30);
    expect(packRows([namedRow(0, 50)], { batchTokens: 16, maxSequenceTokens: 20 }).at(0).tokens).toHaveLength(16);
  });

  it('wastes little, also across windows', () => {
    const rows = Array.from({ length: 8000 }, (_, row) => namedRow(row, 20 + ((row * 131) % 90)));
    const packed = packRows(rows, { batchTokens: 512, maxSequenceTokens: 256, seed: 3 });
    expect(packed.tokens / (packed.length * 512)).toBeGreaterThan(0.99);
  });

  it('packs nothing from nothing', () => {
    const packed = packRows([], { batchTokens: 16, maxSequenceTokens: 8 });
    expect([...packed]).toEqual([]);
    expect(() => packed.at(0)).toThrow(RangeError);
  });

  it('mixes long and short rows over the epoch', () => {
    const rows = Array.from({ length: 2000 }, (_, row) => namedRow(row, 2 + Math.floor(row / 20)));
    const packed = packRows(rows, { batchTokens: 256, maxSequenceTokens: 256, seed: 1 });
    const mean = (from: number, to: number): number => {
      const lengths = packed.plan.slice(from, to).flatMap((group) => group.map((row) => rows[row]!.tokens.length));
      return lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    };
    const half = Math.floor(packed.length / 2);
    expect(Math.abs(mean(0, half) - mean(half, packed.length))).toBeLessThan(10);
  });

  it('keeps the order of the rows where asked to, in every pass', () => {
    const rows = Array.from({ length: 40 }, (_, row) => namedRow(row, 16));
    const plan = (epoch: number): number[] =>
      packRows(rows, { batchTokens: 16, maxSequenceTokens: 16, seed: 1, epoch, shuffled: false }).plan.flat();
    expect(plan(0)).toEqual(rows.map((_, row) => row));
    expect(plan(1)).toEqual(plan(0));
  });
});
