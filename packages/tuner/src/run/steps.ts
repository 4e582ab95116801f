/** How a run's data becomes micro-batches and optimizer steps: what the trainer does, and what a plan says of it. */
import type { HyperParameters, RunSpec } from '../contract/index.ts';
import type { ModelConfig } from '../models/config.ts';
import type { RowSize } from '../objectives/objective.ts';
import type { BatchLayout } from './batch.ts';
import { binLength, chooseBinLength, packEpoch, rowRoom, wantedRoom, type Epoch } from './dataset.ts';

export type Steps = {
  /** The micro-batches of an epoch. */
  batchesOf(epoch: number): Epoch;
  readonly validation: Epoch;
  /** Optimizer steps of an epoch. */
  stepsOf(batches: Epoch): number;
  /** Of the whole run. */
  total(): number;
  layoutOf(batches: Epoch): BatchLayout;
};

/** `size` is the number of the model's weights; `countsRows` says whether the loss does. */
export function planSteps(
  { hyperParameters: h, seed }: Pick<RunSpec, 'hyperParameters' | 'seed'>,
  { config, size }: { readonly config: ModelConfig; readonly size: number },
  rows: readonly RowSize[],
  held: readonly RowSize[],
  countsRows: boolean,
): Steps {
  const attentionCost = 2 * config.layers * config.heads * config.headSize;
  const length = chooseBinLength(rows, h.batchTokens, size, attentionCost);
  // Training rows may all be shorter.
  const heldLength = Math.max(length, binLength(held));
  const stepsOf = (batches: Epoch): number => Math.ceil(batches.length / h.gradientAccumulation);
  const batchesOf = (epoch: number): Epoch => packEpoch(rows, length, h.batchTokens, seed, epoch, h.shuffle);
  return {
    batchesOf,
    validation: packEpoch(held, heldLength, h.batchTokens, 0, 0),
    stepsOf,
    total: () => h.steps ?? totalOf(h.epochs, (epoch) => stepsOf(batchesOf(epoch))),
    layoutOf: (epoch) => ({
      length: epoch.binLength,
      bins: epoch.bins,
      wanted: wantedRoom(epoch.mostWanted, epoch.binLength * epoch.bins),
      ...(countsRows ? { rows: rowRoom(epoch.mostRows) } : {}),
    }),
  };
}

/** Steps of so many epochs; the last may be a part. */
function totalOf(epochs: number, steps: (epoch: number) => number): number {
  let total = 0;
  for (let epoch = 0; epoch < epochs; epoch++) total += Math.ceil(steps(epoch) * Math.min(1, epochs - epoch));
  return total;
}

/** What checkpointFraction asks for is never closer together than this. */
const fewestCheckpointSteps = 10;

/** Optimizer steps between checkpoints of a run of `total`; undefined: one at the end of each epoch. */
export function checkpointStepsOf(
  { checkpointSteps, checkpointFraction }: Pick<HyperParameters, 'checkpointSteps' | 'checkpointFraction'>,
  total: number,
): number | undefined {
  if (checkpointSteps !== undefined || checkpointFraction === undefined) return checkpointSteps;
  return Math.max(fewestCheckpointSteps, Math.round(checkpointFraction * total));
}
