/**
 * The output head read as log-probabilities: log softmax(W x)[target] of each row. Unlike in `crossEntropy` what follows
 * decides how much each row counts, so backward waits for it; where the head is cut into chunks, a chunk's logits are
 * computed again then rather than kept.
 */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { describe, requireShape, type Value } from '../graph/value.ts';
import { logitsGradient } from './cross-entropy.ts';
import { forward, gradientOfInput, gradientOfWeight } from './linear.ts';

/** weight [width, vocabulary], x [width, rows], targets I32 [rows] as row * vocabulary + token -> [rows], in nats. */
export function logLikelihood(tape: Tape, weight: Value, x: Value, targets: Tensor, recompute: boolean): Value {
  const { c, context } = tape;
  const [width = 0, vocabulary = 0] = weight.shape;
  const rows = x.shape[1] ?? 0;
  requireShape(
    'logLikelihood',
    x,
    x.shape.length === 2 && x.shape[0] === width,
    `[${width}, rows] for ${describe(weight)}`,
  );
  const probabilitiesOf = (): Tensor =>
    c.ggml_soft_max(context, forward(tape, weight, x.tensor, width, vocabulary, rows, 1));
  const probabilities = probabilitiesOf();
  const flat = tape.reshape(probabilities, [1, vocabulary * rows]);
  const chosen = tape.reshape(c.ggml_get_rows(context, flat, targets), [rows]);
  // A probability that underflows to 0 would be infinitely unlikely while its gradient is still right.
  const tensor = c.ggml_log(context, c.ggml_clamp(context, chosen, 1e-30, 1));
  return tape.record(`log-likelihood of ${x.name}`, tensor, [rows], [weight, x], (dy) => {
    const dLogits = logitsGradient(
      tape,
      recompute ? probabilitiesOf() : probabilities,
      c.ggml_neg(context, dy),
      targets,
      vocabulary,
      rows,
    );
    gradientOfWeight(tape, weight, x.tensor, dLogits, width, vocabulary, rows, 1);
    gradientOfInput(tape, weight, dLogits, x, width, vocabulary, rows, 1);
  });
}
