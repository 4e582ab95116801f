/** The micro-batch a graph computes: bins of packed rows laid out as fixed-size arrays. */
import type { MicroBatch } from '@atelier/data';

export type BatchLayout = {
  /** Positions in a bin. */
  readonly length: number;
  readonly bins: number;
  /** Positions with a wanted hidden state that the graph has room for. */
  readonly wanted: number;
  /** Rows that the graph has room for, where the loss counts rows. */
  readonly rows?: number;
};

/** Neighbouring positions of a bin, from the first to before the last, that see each other and all of `prefix` before them. */
export type Stretch = {
  readonly from: number;
  readonly to: number;
  readonly prefix?: { readonly from: number; readonly to: number };
};

export type BatchArrays = {
  readonly tokens: Int32Array;
  readonly positions: Int32Array;
  /** Of each bin: which positions see each other. */
  readonly stretches: readonly (readonly Stretch[])[];
  /** Rows of the batch whose next token is supervised, padded with row 0 at weight 0. */
  readonly wanted: Int32Array;
  readonly targets: Int32Array;
  readonly weights: Float32Array;
  /** Tokens that are not padding. */
  readonly tokenCount: number;
  /** What the loss is divided by. */
  readonly weightSum: number;
  /** Rows that are not padding, where the loss counts rows. */
  readonly rowCount?: number;
  /** What else the objective's loss reads, by name. */
  readonly inputs?: Readonly<Record<string, Float32Array | Int32Array>>;
};

/** Lays bins out. Throws a RangeError when they do not fit the layout: a bug in the packing, never the user's doing. */
export function layOut(
  bins: readonly MicroBatch[],
  { length, bins: room, wanted: wantedRoom }: BatchLayout,
): BatchArrays {
  if (bins.length > room) throw new RangeError(`${bins.length} bins in a layout of ${room}`);
  const rows = length * room;
  const tokens = new Int32Array(rows);
  const positions = new Int32Array(rows);
  const wanted = new Int32Array(wantedRoom);
  const targets = new Int32Array(wantedRoom);
  const weights = new Float32Array(wantedRoom);
  let count = 0;
  let tokenCount = 0;
  let weightSum = 0;
  for (const [index, bin] of bins.entries()) {
    if (bin.tokens.length > length)
      throw new RangeError(`a bin of ${bin.tokens.length} tokens in a layout of ${length}`);
    tokens.set(bin.tokens, index * length);
    positions.set(bin.positions, index * length);
    tokenCount += bin.tokens.length;
    for (let i = 0; i < bin.tokens.length; i++) {
      if (bin.targets[i]! < 0) continue;
      if (count === wantedRoom) throw new RangeError(`more than ${wantedRoom} supervised positions`);
      wanted[count] = index * length + i;
      targets[count] = bin.targets[i]!;
      weights[count] = bin.weights[i]!;
      weightSum += bin.weights[i]!;
      count++;
    }
  }
  const stretches = bins.map(({ rowStarts, tokens: { length: end } }) =>
    Array.from(rowStarts, (from, row) => ({ from, to: rowStarts[row + 1] ?? end })),
  );
  return { tokens, positions, stretches, wanted, targets, weights, tokenCount, weightSum };
}
