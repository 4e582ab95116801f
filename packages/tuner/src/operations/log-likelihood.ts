/**
 * The output head read as log-probabilities: log softmax(cap(W x))[target] of each row. Unlike in `crossEntropy` what follows
 * decides how much each row counts, so backward waits for it; where the head is cut into chunks, a chunk's logits are
 * computed again then rather than kept.
 */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { describe, requireShape, type Value } from '../graph/value.ts';
import { headLogits, logitsGradient, type OutputHead } from './cross-entropy.ts';

/** x [width, rows], targets I32 [rows] as row * vocabulary + token -> [rows], in nats. */
export function logLikelihood(tape: Tape, head: OutputHead, x: Value, targets: Tensor, recompute: boolean): Value {
  const { c, context } = tape;
  const { weight, lowRank } = head;
  const [width = 0, vocabulary = 0] = weight.shape;
  const rows = x.shape[1] ?? 0;
  requireShape(
    'logLikelihood',
    x,
    x.shape.length === 2 && x.shape[0] === width,
    `[${width}, rows] for ${describe(weight)}`,
  );
  const computed = (): { probabilities: Tensor; backward: (gradient: Tensor) => void } => {
    const logits = headLogits(tape, head, x);
    return { probabilities: c.ggml_soft_max(context, logits.tensor), backward: logits.backward };
  };
  const first = computed();
  const flat = tape.reshape(first.probabilities, [1, vocabulary * rows]);
  const chosen = tape.reshape(c.ggml_get_rows(context, flat, targets), [rows]);
  // A probability that underflows to 0 would be infinitely unlikely while its gradient is still right.
  const tensor = c.ggml_log(context, c.ggml_clamp(context, chosen, 1e-30, 1));
  const { a, b, magnitude } = lowRank ?? {};
  const trained = [a, b, magnitude?.vector].filter((value) => value !== undefined);
  return tape.record(`log-likelihood of ${x.name}`, tensor, [rows], [weight, x, ...trained], (dy) => {
    const { probabilities, backward } = recompute ? computed() : first;
    backward(logitsGradient(tape, probabilities, c.ggml_neg(context, dy), targets, vocabulary, rows));
  });
}
