/** How the rows of a run are packed into bins, once per run and once per epoch. */
import { planPacking } from '@atelier/data';
import type { RowSize } from '../objectives/objective.ts';

/** Bins are multiples of this many positions: whole vector registers and cache lines. */
const lengthStep = 32;

/** The shortest bin that holds any of the rows. */
export function binLength(rows: readonly RowSize[]): number {
  const longest = rows.reduce((most, row) => Math.max(most, row.tokens), 0);
  return Math.ceil(longest / lengthStep) * lengthStep;
}

/** Rows that stand for a large data set when the bin length is chosen. */
const sampleRows = 20_000;

/**
 * The bin length that costs least: short bins make attention cheap, long ones waste less room. `linear` and `perPosition`
 * are multiply-adds for one padded token outside attention, and inside it for each position of its bin.
 */
export function chooseBinLength(
  rows: readonly RowSize[],
  batchTokens: number,
  linear: number,
  perPosition: number,
): number {
  const shortest = binLength(rows);
  const sample = rows.slice(0, sampleRows).map(({ tokens }) => tokens);
  let best = { length: 0, cost: Infinity };
  for (let length = shortest; ; length *= 2) {
    const bins = planPacking(sample, { batchTokens: length, seed: 0, epoch: 0 }).length;
    const cost = bins * length * (linear + perPosition * length);
    if (cost < best.cost) best = { length, cost };
    if (length * 2 > Math.max(batchTokens, shortest)) return best.length;
  }
}

/** The micro-batches of one epoch, each a few bins. */
export type Epoch = {
  readonly length: number;
  /** Positions in a bin, and bins in a micro-batch at most. */
  readonly binLength: number;
  readonly bins: number;
  /** Indexes of the rows in each bin of a micro-batch. */
  at(index: number): readonly (readonly number[])[];
  /** Wanted positions, and rows, of the fullest micro-batch. */
  readonly mostWanted: number;
  readonly mostRows: number;
};

/** The same for the same seed and epoch. No row may be longer than `length`. */
export function packEpoch(
  rows: readonly RowSize[],
  length: number,
  batchTokens: number,
  seed: number,
  epoch: number,
  shuffled = true,
): Epoch {
  const binsPerBatch = Math.max(1, Math.floor(batchTokens / length));
  const plan = planPacking(
    rows.map(({ tokens }) => tokens),
    { batchTokens: length, seed, epoch, shuffled },
  );
  const batches = Array.from({ length: Math.ceil(plan.length / binsPerBatch) }, (_, i) =>
    plan.slice(i * binsPerBatch, (i + 1) * binsPerBatch),
  );
  const most = (count: (rows: readonly number[]) => number): number =>
    batches.reduce((largest, bins) => Math.max(largest, count(bins.flat())), 1);
  return {
    length: batches.length,
    binLength: length,
    bins: binsPerBatch,
    at: (index) => batches[index]!,
    mostWanted: most((batch) => batch.reduce((sum, row) => sum + rows[row]!.wanted, 0)),
    mostRows: most((batch) => batch.length),
  };
}

/** Room for supervised positions: the fullest batch's, rounded up so that epochs tend to share a graph. */
export function wantedRoom(mostWanted: number, rowsPerBatch: number): number {
  const step = Math.max(1, Math.ceil(rowsPerBatch / 16));
  return Math.min(rowsPerBatch, Math.ceil(mostWanted / step) * step);
}

/** Room for rows, rounded up likewise. */
export function rowRoom(mostRows: number): number {
  return Math.ceil(mostRows / rowStep) * rowStep;
}

const rowStep = 8;
