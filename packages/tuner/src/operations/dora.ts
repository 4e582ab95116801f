/**
 * Weight-decomposed low-rank adaptation, DoRA (Liu et al. 2024, arXiv 2402.09353): W' = m * V / |V| with V = W + scale * B A,
 * |V| the norm of each output's weights and m a trained number for each output. As its section 4.3 proposes, backward takes
 * |V| as a constant: what V's direction does to its length is not followed.
 */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { requireShape, type Value } from '../graph/value.ts';
import { forward, linear, type LowRank } from './linear.ts';

/** `linear`, with the low-rank addition's magnitude where it has one. */
export function adaptedLinear(tape: Tape, weight: Value, x: Value, lowRank?: LowRank): Value {
  const y = linear(tape, weight, x, lowRank);
  if (!lowRank?.magnitude) return y;
  const { vector, baseSquares } = lowRank.magnitude;
  return rescale(tape, y, vector, outputNorms(tape, weight, lowRank, baseSquares));
}

/**
 * |W + scale * B A| of each output, [out], without forming the sum: |W|^2 + 2 scale <W, B A> + scale^2 |B A|^2, where the
 * last two are products of rank columns.
 */
export function outputNorms(tape: Tape, weight: Value, { a, b, scale }: LowRank, baseSquares: Tensor): Tensor {
  const { c, context } = tape;
  const [inputs = 0, outputs = 0] = weight.shape;
  const rank = a.shape[1] ?? 0;
  /** Sums over the rank: [rank, out] -> [out]. */
  const dotB = (columns: Tensor): Tensor =>
    tape.reshape(c.ggml_sum_rows(context, c.ggml_mul(context, columns, b.tensor)), [outputs]);
  const wa = forward(tape, weight, a.tensor, inputs, outputs, rank, 1);
  const cross = dotB(c.ggml_cont(context, c.ggml_transpose(context, wa)));
  const aa: Value = {
    name: `square of ${a.name}`,
    tensor: forward(tape, a, a.tensor, inputs, rank, rank, 1),
    shape: [rank, rank],
    needsGradient: false,
  };
  const squares = dotB(forward(tape, aa, b.tensor, rank, rank, outputs, 1));
  const added = c.ggml_add(
    context,
    c.ggml_scale(context, cross, 2 * scale),
    c.ggml_scale(context, squares, scale ** 2),
  );
  return c.ggml_sqrt(context, c.ggml_add(context, baseSquares, added));
}

/** y * m / norms on every row: y [out, rows], m [out]; `norms` is a constant [out]. */
export function rescale(tape: Tape, y: Value, m: Value, norms: Tensor): Value {
  const { c, context } = tape;
  requireShape('rescale', m, m.shape.length === 1 && m.shape[0] === y.shape[0], `[${y.shape[0]}] for ${y.name}`);
  const factor = c.ggml_div(context, m.tensor, norms);
  return tape.record(y.name, c.ggml_mul(context, y.tensor, factor), y.shape, [y, m], (dy) => {
    if (m.needsGradient) {
      const sums = c.ggml_repeat_back(context, c.ggml_mul(context, dy, y.tensor), m.tensor);
      tape.accumulate(m, c.ggml_div(context, sums, norms), true);
    }
    if (y.needsGradient) tape.accumulate(y, c.ggml_mul(context, dy, factor), true);
  });
}
