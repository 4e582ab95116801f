/** Record files -> token rows -> bins, once per run and once per epoch. */
import {
  createRowBuilder,
  createTemplateRenderer,
  packRows,
  promptModelOf,
  readRecords,
  type DatasetRecord,
  type MicroBatch,
  type TokenRow,
} from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import { LlamaModel } from '@atelier/llama';
import type { RunSpec } from '../contract/index.ts';

/** A trainer keeps its machine busy, and nobody waits for one rendering: generous, but not for ever. */
const templateTimeoutMs = 20_000;

export type Rows = {
  readonly rows: readonly TokenRow[];
  readonly tokens: number;
  readonly supervised: number;
  readonly truncated: number;
};

/** Tokenises record files with the base model's own vocabulary and chat template. Rows are cut at `limit` tokens, texts go on in further rows; `promptWeight` is the loss weight of tokens that have none, `now` the time that templates print, in milliseconds. */
export async function readRows(
  spec: RunSpec,
  baseModel: string,
  files: readonly string[],
  limit: number,
  promptWeight: number,
  now: number,
): Promise<Rows> {
  if (files.length === 0) return { rows: [], tokens: 0, supervised: 0, truncated: 0 };
  using model = LlamaModel.load(baseModel, { vocabOnly: true });
  await using renderer = createTemplateRenderer({ timeoutMs: templateTimeoutMs });
  const builder = createRowBuilder({
    ...promptModelOf(model.vocab, model.chatTemplate, renderer),
    promptFormat: model.chatTemplate === undefined ? 'raw' : spec.promptFormat,
    maxTokens: limit,
    fim: { suffixFirstShare: spec.hyperParameters.fimSuffixFirstShare, seed: spec.seed },
    now,
  });
  const rows: TokenRow[] = [];
  let tokens = 0;
  let wanted = 0;
  let truncated = 0;
  for await (const row of builder.rows(allRecords(files))) {
    let kept = row;
    if (row.tokens.length > limit) {
      truncated++;
      kept = { tokens: row.tokens.slice(0, limit), weights: row.weights.slice(0, limit) };
    }
    if (promptWeight > 0)
      kept = { tokens: kept.tokens, weights: kept.weights.map((weight) => (weight > 0 ? weight : promptWeight)) };
    const count = supervisedTokens(kept.weights);
    if (count === 0) continue;
    rows.push(kept);
    tokens += kept.tokens.length;
    wanted += count;
  }
  if (rows.length === 0) throw new AtelierError('training_failed', { reason: 'no row has anything to learn from' });
  return { rows, tokens, supervised: wanted, truncated };
}

async function* allRecords(files: readonly string[]): AsyncIterable<DatasetRecord> {
  for (const file of files) yield* readRecords(file);
}

/** Bins are multiples of this many positions: whole vector registers and cache lines. */
const lengthStep = 32;

/** Rows that stand for a large data set when the bin length is chosen. */
const sampleRows = 20_000;

/**
 * The bin length that costs least: short bins make attention cheap, long ones waste less room. `linear` and `perPosition`
 * are multiply-adds for one padded token outside attention, and inside it for each position of its bin.
 */
export function chooseBinLength(
  rows: readonly TokenRow[],
  batchTokens: number,
  linear: number,
  perPosition: number,
): number {
  const longest = rows.reduce((most, row) => Math.max(most, row.tokens.length), 0);
  const sample = rows.slice(0, sampleRows);
  let best = { length: 0, cost: Infinity };
  for (let length = Math.ceil(longest / lengthStep) * lengthStep; ; length *= 2) {
    const bins = packRows(sample, { batchTokens: length, maxSequenceTokens: length, seed: 0, epoch: 0 }).length;
    const cost = bins * length * (linear + perPosition * length);
    if (cost < best.cost) best = { length, cost };
    if (length * 2 > Math.max(batchTokens, longest)) return best.length;
  }
}

/** The micro-batches of one epoch, each a few bins; made when asked for. */
export type Epoch = {
  readonly length: number;
  at(index: number): MicroBatch[];
  /** Supervised positions of the fullest micro-batch. */
  readonly mostWanted: number;
};

/** The same for the same seed and epoch. */
export function packEpoch(
  rows: readonly TokenRow[],
  length: number,
  binsPerBatch: number,
  seed: number,
  epoch: number,
): Epoch {
  const packed = packRows(rows, { batchTokens: length, maxSequenceTokens: length, seed, epoch });
  const batches = Array.from({ length: Math.ceil(packed.length / binsPerBatch) }, (_, i) =>
    packed.plan.slice(i * binsPerBatch, (i + 1) * binsPerBatch),
  );
  const wanted = batches.map((bins) =>
    bins.flat().reduce((sum, row) => sum + supervisedTokens(rows[row]!.weights.subarray(0, length)), 0),
  );
  return {
    length: batches.length,
    at: (index) => batches[index]!.map((_, bin) => packed.at(index * binsPerBatch + bin)),
    mostWanted: wanted.reduce((most, count) => Math.max(most, count), 1),
  };
}

/** Room for supervised positions: the fullest batch's, rounded up so that epochs tend to share a graph. */
export function wantedRoom(mostWanted: number, rowsPerBatch: number): number {
  const step = Math.max(1, Math.ceil(rowsPerBatch / 16));
  return Math.min(rowsPerBatch, Math.ceil(mostWanted / step) * step);
}

function supervisedTokens(weights: Float32Array): number {
  let count = 0;
  for (let i = 1; i < weights.length; i++) if (weights[i]! > 0) count++;
  return count;
}
