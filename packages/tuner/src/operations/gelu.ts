import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { requireSameShape, type Value } from '../graph/value.ts';

/** gelu(x) by its tanh approximation (Hendrycks & Gimpel 2016, arXiv 1606.08415), as served models compute it. */
export function gelu(tape: Tape, x: Value): Value {
  return tape.record(`gelu(${x.name})`, tape.c.ggml_gelu(tape.context, x.tensor), x.shape, [x], (dy) =>
    tape.accumulate(x, tape.c.ggml_mul(tape.context, slope(tape, x.tensor), dy), true),
  );
}

/** gelu(gate) * up (Shazeer 2020, arXiv 2002.05202), equal shapes. */
export function geglu(tape: Tape, gate: Value, up: Value): Value {
  requireSameShape('geglu', gate, up);
  const { c } = tape;
  const tensor = c.ggml_geglu_split(tape.context, gate.tensor, up.tensor);
  return tape.record(`geglu(${gate.name})`, tensor, gate.shape, [gate, up], (dy) => {
    if (up.needsGradient)
      tape.accumulate(up, c.ggml_mul(tape.context, c.ggml_gelu(tape.context, gate.tensor), dy), true);
    if (gate.needsGradient) {
      const through = c.ggml_mul(tape.context, dy, up.tensor);
      tape.accumulate(gate, c.ggml_mul(tape.context, slope(tape, gate.tensor), through), true);
    }
  });
}

const cubic = 0.044715;
const rate = Math.sqrt(2 / Math.PI);

/** d gelu / dx = (1 + t + x (1 - t^2) u') / 2 with u = rate (x + cubic x^3), t = tanh u. */
function slope({ c, context: ctx }: Tape, x: Tensor): Tensor {
  const squared = c.ggml_sqr(ctx, x);
  const t = c.ggml_tanh(ctx, c.ggml_mul(ctx, c.ggml_scale_bias(ctx, squared, rate * cubic, rate), x));
  const ofTanh = c.ggml_scale_bias(ctx, c.ggml_sqr(ctx, t), -1, 1);
  const inner = c.ggml_mul(ctx, c.ggml_scale_bias(ctx, squared, 3 * rate * cubic, rate), x);
  return c.ggml_scale_bias(ctx, c.ggml_add(ctx, c.ggml_mul(ctx, ofTanh, inner), t), 0.5, 0.5);
}
