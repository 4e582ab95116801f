import type { TokenRow } from '../rows/token-row.ts';
import { planPacking, type PackingOptions } from './plan-packing.ts';

/** Several rows side by side. A position i predicts the token after it in the same row. */
export type MicroBatch = {
  readonly tokens: Int32Array;
  /** Place of each token in its row, from 0. */
  readonly positions: Int32Array;
  /** Where each row begins; the last one ends with `tokens`. */
  readonly rowStarts: Int32Array;
  /** The token to predict at each position, -1 where nothing is learnt. */
  readonly targets: Int32Array;
  /** Loss weight of each position's target, 0 where nothing is learnt. */
  readonly weights: Float32Array;
};

/** One pass over the data. Micro-batches are made when asked for. */
export interface PackedEpoch extends Iterable<MicroBatch> {
  /** Number of micro-batches. */
  readonly length: number;
  /** Indexes of the rows in each micro-batch, in their order there. */
  readonly plan: readonly (readonly number[])[];
  at(index: number): MicroBatch;
  /** Rows, tokens and learnt tokens of the pass, without dropped rows. */
  readonly rows: number;
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** Rows cut because they were too long. */
  readonly truncatedRows: number;
  /** Rows left out because they hold nothing to learn, at least not after the cut. */
  readonly droppedRows: number;
}

/** Packs rows into micro-batches of at most `batchTokens` tokens, none of which a row crosses. */
export function packRows(rows: readonly TokenRow[], options: PackingOptions): PackedEpoch {
  const longest = Math.min(options.maxSequenceTokens, options.batchTokens);
  const kept: number[] = [];
  const lengths: number[] = [];
  let supervisedTokens = 0;
  let truncatedRows = 0;
  for (const [index, { tokens, weights }] of rows.entries()) {
    if (tokens.length > longest) truncatedRows++;
    const length = Math.min(tokens.length, longest);
    let supervised = 0;
    for (let i = 1; i < length; i++) if (weights[i]! > 0) supervised++;
    if (supervised === 0) continue;
    kept.push(index);
    lengths.push(length);
    supervisedTokens += supervised;
  }
  const plan = planPacking(lengths, options).map((group) => group.map((i) => kept[i]!));
  const at = (index: number): MicroBatch => {
    const group = plan[index];
    if (group === undefined) throw new RangeError(`There is no micro-batch ${index} of ${plan.length}`);
    return microBatch(
      group.map((row) => rows[row]!),
      longest,
    );
  };
  return {
    length: plan.length,
    plan,
    at,
    rows: kept.length,
    tokens: lengths.reduce((sum, length) => sum + length, 0),
    supervisedTokens,
    truncatedRows,
    droppedRows: rows.length - kept.length,
    *[Symbol.iterator]() {
      for (let i = 0; i < plan.length; i++) yield at(i);
    },
  };
}

/** Rows side by side, each cut at `longest`. */
export function microBatch(rows: readonly TokenRow[], longest = Infinity): MicroBatch {
  const lengths = rows.map(({ tokens }) => Math.min(tokens.length, longest));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const batch = {
    tokens: new Int32Array(total),
    positions: new Int32Array(total),
    rowStarts: new Int32Array(rows.length),
    targets: new Int32Array(total).fill(-1),
    weights: new Float32Array(total),
  };
  let start = 0;
  for (const [r, { tokens, weights }] of rows.entries()) {
    const length = lengths[r]!;
    batch.rowStarts[r] = start;
    batch.tokens.set(tokens.subarray(0, length), start);
    for (let i = 0; i < length; i++) {
      batch.positions[start + i] = i;
      if (i + 1 === length || weights[i + 1] === 0) continue;
      batch.targets[start + i] = tokens[i + 1]!;
      batch.weights[start + i] = weights[i + 1]!;
    }
    start += length;
  }
  return batch;
}
