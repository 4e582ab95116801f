import { randomIntegers, shuffle, type RandomInteger } from '../random.ts';

/**
 * How many micro-batches' worth of rows are sorted and fitted at a time. Larger windows waste less; this one leaves well
 * under 2 % of a batch empty when rows are short, and keeps the order of rows random beyond it.
 */
const windowBatches = 64;

export type PackingOptions = {
  /** The most tokens in one micro-batch. */
  readonly batchTokens: number;
  /** Rows that are longer are cut at the end. */
  readonly maxSequenceTokens: number;
  readonly seed?: number;
  /** Pass over the data, from 0: each has its own order. */
  readonly epoch?: number;
  /** False takes rows in their order, as far as fitting allows, in every pass. */
  readonly shuffled?: boolean;
};

/**
 * Groups rows of the given lengths, none above `batchTokens`, into micro-batches; a group lists indexes into `lengths`.
 * Best fit decreasing within windows of rows; the same seed and epoch give the same groups.
 */
export function planPacking(
  lengths: readonly number[],
  { batchTokens, seed = 0, epoch = 0, shuffled = true }: Omit<PackingOptions, 'maxSequenceTokens'>,
): number[][] {
  const random = randomIntegers(seed, epoch);
  const inOrder = lengths.map((_, index) => index);
  const order = shuffled ? shuffle(inOrder, random) : inOrder;
  const groups: number[][] = [];
  let window: number[] = [];
  let tokens = 0;
  for (const [at, index] of order.entries()) {
    window.push(index);
    tokens += lengths[index]!;
    const last = at === order.length - 1;
    if (!last && tokens < windowBatches * batchTokens) continue;
    const bins = fitWindow(window, lengths, batchTokens);
    window = last || bins.length === 1 ? [] : takeEmptiest(bins);
    tokens = window.reduce((sum, i) => sum + lengths[i]!, 0);
    groups.push(...(shuffled ? shuffledBins(bins, random) : bins.map(({ rows }) => rows)));
  }
  return groups;
}

type Bin = { rows: number[]; left: number };

function fitWindow(window: readonly number[], lengths: readonly number[], batchTokens: number): Bin[] {
  const bins: Bin[] = [];
  for (const index of window.toSorted((a, b) => lengths[b]! - lengths[a]! || a - b)) {
    const length = lengths[index]!;
    let best: Bin | undefined;
    for (const bin of bins) if (bin.left >= length && (best === undefined || bin.left < best.left)) best = bin;
    if (best === undefined) bins.push((best = { rows: [], left: batchTokens }));
    best.rows.push(index);
    best.left -= length;
  }
  return bins;
}

/** The rows of the emptiest bin, which get another chance in the next window. */
function takeEmptiest(bins: Bin[]): number[] {
  let emptiest = 0;
  for (const [i, bin] of bins.entries()) if (bin.left > bins[emptiest]!.left) emptiest = i;
  return bins.splice(emptiest, 1)[0]!.rows;
}

/** Fitting leaves long rows in the first bins; training must not see them by length. */
function shuffledBins(bins: Bin[], random: RandomInteger): number[][] {
  return shuffle(
    bins.map(({ rows }) => rows),
    random,
  );
}
