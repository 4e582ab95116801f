/**
 * The output head and its loss as one operation: logits = cap(W x), loss = sum of weight * -log softmax(logits)[target].
 * The gradient of the logits, weight * (softmax - one-hot), is known as soon as they are, so it is emitted in the same
 * stretch and the logits of a chunk are forgotten before the next chunk: memory is one chunk's, however large the
 * vocabulary.
 */
import type { Tensor } from '../graph/operators.ts';
import { F32, type Tape } from '../graph/tape.ts';
import { describe, requireShape, type Value } from '../graph/value.ts';
import { adaptedLinear } from './dora.ts';
import type { LowRank } from './linear.ts';
import { softCap } from './soft-cap.ts';

/** Logits of one chunk at most: 128 MiB of F32. */
const chunkElements = 1 << 25;

/** Per chunk of supervised rows: I32 targets as indices into the flattened logits (row * vocabulary + token), F32 weights. */
export type LossRows = { readonly rows: number; readonly targets: Tensor; readonly weights: Tensor };

export type LossChunk = { readonly x: Value; readonly labels: LossRows };

/** How many chunks `rows` supervised rows are cut into, and the rows of each. */
export function lossChunks(rows: number, vocabulary: number): number[] {
  const most = Math.max(1, Math.floor(chunkElements / vocabulary));
  const chunks = Math.ceil(rows / most);
  return Array.from(
    { length: chunks },
    (_, i) => Math.floor(((i + 1) * rows) / chunks) - Math.floor((i * rows) / chunks),
  );
}

/** Tensors of a chunk's outcome: summed loss [1] and, when asked for, the most likely token of each row, I32 [rows]. */
export type LossOutcome = { readonly loss: Tensor; readonly predicted?: Tensor };

/** Turns the last hidden states into logits: weight [width, vocabulary]; logits are kept within +-cap, 0 is no cap. */
export type OutputHead = { readonly weight: Value; readonly lowRank?: LowRank | undefined; readonly cap: number };

/** Capped logits of x [width, rows], and the way back from their gradient, [vocabulary, rows], to x and what is trained. */
export function headLogits(
  tape: Tape,
  { weight, lowRank, cap }: OutputHead,
  x: Value,
): { readonly tensor: Tensor; readonly backward: (gradient: Tensor) => void } {
  const { result, replay } = tape.detach(() => adaptedLinear(tape, weight, x, lowRank));
  const { tensor, back } = softCap(tape, result.tensor, cap);
  return {
    tensor,
    backward(gradient) {
      tape.accumulate(result, back(gradient), true);
      replay();
    },
  };
}

/** Emits loss and, when `train`, the gradients of the head's weight and of the chunk's x [width, rows]. */
export function crossEntropy(tape: Tape, head: OutputHead, chunk: LossChunk, train: boolean): LossOutcome {
  const { c } = tape;
  const ctx = tape.context;
  const { weight } = head;
  const { x, labels } = chunk;
  const [width = 0, vocabulary = 0] = weight.shape;
  const { rows } = labels;
  requireShape(
    'crossEntropy',
    x,
    x.shape[0] === width && x.shape[1] === rows,
    `[${width}, ${rows}] for ${describe(weight)}`,
  );
  const { tensor: logits, backward } = headLogits(tape, head, x);
  const probabilities = c.ggml_soft_max(ctx, logits);
  const flat = tape.reshape(probabilities, [1, vocabulary * rows]);
  const chosen = tape.reshape(c.ggml_get_rows(ctx, flat, labels.targets), [rows]);
  // A probability that underflows to 0 would make the loss infinite while its gradient is still right.
  const logLikelihood = c.ggml_log(ctx, c.ggml_clamp(ctx, chosen, 1e-30, 1));
  const loss = c.ggml_scale(ctx, c.ggml_sum(ctx, c.ggml_mul(ctx, logLikelihood, labels.weights)), -1);
  if (!train) return { loss, predicted: c.ggml_argmax(ctx, logits) };

  tape.roots.push(loss);
  backward(logitsGradient(tape, probabilities, labels.weights, labels.targets, vocabulary, rows));
  return { loss };
}

/** weights * (probabilities - one-hot of the targets): what the logits of weighted rows lack. weights [rows], the result [vocabulary, rows]. */
export function logitsGradient(
  tape: Tape,
  probabilities: Tensor,
  weights: Tensor,
  targets: Tensor,
  vocabulary: number,
  rows: number,
): Tensor {
  const { c, context } = tape;
  const perRow = tape.reshape(weights, [1, rows]);
  const oneHot = c.ggml_get_rows_back(
    context,
    perRow,
    targets,
    c.ggml_new_tensor_2d(context, F32, 1, vocabulary * rows),
  );
  return c.ggml_sub(context, c.ggml_mul(context, probabilities, perRow), tape.reshape(oneHot, [vocabulary, rows]));
}
