/**
 * From rows to tokens. APIs say how many rows make an optimizer step; the tuner packs rows of any length into micro-batches
 * of so many tokens. Only the sum over a step matters to the result, so the rows of one step go into as few micro-batches
 * as memory allows, however an API would have cut them.
 */

/** Activations of so many tokens fit a few GB for models that a CPU can train. */
const MOST_BATCH_TOKENS = 4096;
/** Bounds of the tuner's contract. */
const batchTokenBounds = { fewest: 16, most: 1_048_576 };
const MOST_ACCUMULATION = 4096;

export type BatchPlan = { batchTokens: number; gradientAccumulation: number };

/** Micro-batches for steps of `rowsPerStep` rows on average. Rows count for at most `maxSequenceTokens`, where they are cut. */
export function planBatches(rowsPerStep: number, averageRowTokens: number, maxSequenceTokens: number): BatchPlan {
  const stepTokens = rowsPerStep * Math.min(averageRowTokens, maxSequenceTokens);
  const gradientAccumulation = Math.min(MOST_ACCUMULATION, Math.max(1, Math.ceil(stepTokens / MOST_BATCH_TOKENS)));
  const batchTokens = Math.ceil(stepTokens / gradientAccumulation);
  return {
    batchTokens: Math.min(batchTokenBounds.most, Math.max(batchTokenBounds.fewest, batchTokens)),
    gradientAccumulation,
  };
}
