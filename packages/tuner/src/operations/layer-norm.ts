import type { Tape } from '../graph/tape.ts';
import { requireShape, type Value } from '../graph/value.ts';

/**
 * (x - mean(x)) / sqrt(var(x) + epsilon) * weight + bias over each row (Ba et al. 2016, arXiv 1607.06450).
 * x [width, rows], weight and bias [width].
 */
export function layerNorm(tape: Tape, x: Value, weight: Value, bias: Value, epsilon: number): Value {
  for (const value of [weight, bias])
    requireShape('layerNorm', value, value.shape.length === 1 && value.shape[0] === x.shape[0], `[${x.shape[0]}]`);
  const { c, context: ctx } = tape;
  const normal = c.ggml_norm(ctx, x.tensor, epsilon);
  const tensor = c.ggml_add(ctx, c.ggml_mul(ctx, normal, weight.tensor), bias.tensor);
  return tape.record(`norm(${x.name})`, tensor, x.shape, [x, weight, bias], (dy) => {
    if (bias.needsGradient) tape.accumulate(bias, c.ggml_repeat_back(ctx, dy, bias.tensor), true);
    if (weight.needsGradient)
      tape.accumulate(weight, c.ggml_repeat_back(ctx, c.ggml_mul(ctx, dy, normal), weight.tensor), true);
    if (x.needsGradient) {
      // The norm of x is the RMS norm of x less its mean, and so is its gradient.
      const centred = c.ggml_sub(ctx, x.tensor, c.ggml_mean(ctx, x.tensor));
      const through = c.ggml_rms_norm_back(ctx, c.ggml_mul(ctx, dy, weight.tensor), centred, epsilon);
      tape.accumulate(x, c.ggml_sub(ctx, through, c.ggml_mean(ctx, through)), true);
    }
  });
}
