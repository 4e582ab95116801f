import type { Tape } from '../graph/tape.ts';
import { requireSameShape, type Value } from '../graph/value.ts';

/** Below this a vector counts as zero. */
const epsilon = 1e-12;

/** scale * x / |x| over each row. x [width, rows] -> the same shape. */
export function normalise(tape: Tape, x: Value, scale = 1): Value {
  const { c } = tape;
  const ctx = tape.context;
  const unit = c.ggml_l2_norm(ctx, x.tensor, epsilon);
  const tensor = scale === 1 ? unit : c.ggml_scale(ctx, unit, scale);
  return tape.record(`unit ${x.name}`, tensor, x.shape, [x], (dy) => {
    const length = c.ggml_clamp(ctx, c.ggml_sqrt(ctx, c.ggml_sum_rows(ctx, c.ggml_sqr(ctx, x.tensor))), epsilon, 3e38);
    const along = c.ggml_mul(ctx, unit, c.ggml_sum_rows(ctx, c.ggml_mul(ctx, dy, unit)));
    const dx = c.ggml_div(ctx, c.ggml_sub(ctx, dy, along), length);
    tape.accumulate(x, scale === 1 ? dx : c.ggml_scale(ctx, dx, scale), true);
  });
}

/** a . b of each row, equal shapes: [width, rows] -> [1, rows]. */
export function rowDots(tape: Tape, a: Value, b: Value): Value {
  requireSameShape('rowDots', a, b);
  const { c } = tape;
  const ctx = tape.context;
  const tensor = c.ggml_sum_rows(ctx, c.ggml_mul(ctx, a.tensor, b.tensor));
  return tape.record(`${a.name} . ${b.name}`, tensor, [1, a.shape[1]!], [a, b], (dy) => {
    if (a.needsGradient) tape.accumulate(a, c.ggml_mul(ctx, b.tensor, dy), true);
    if (b.needsGradient) tape.accumulate(b, c.ggml_mul(ctx, a.tensor, dy), true);
  });
}
