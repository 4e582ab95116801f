/** Functions of single numbers, applied to every element. */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import type { Value } from '../graph/value.ts';

/** y = f(x), with `derivative` giving f'(x) * dy when it is asked for. */
function apply(tape: Tape, name: string, x: Value, y: Tensor, derivative: (dy: Tensor) => Tensor): Value {
  return tape.record(`${name}(${x.name})`, y, x.shape, [x], (dy) => tape.accumulate(x, derivative(dy), true));
}

/** scale * x + offset */
export function affine(tape: Tape, x: Value, scale: number, offset = 0): Value {
  const { c, context } = tape;
  return apply(tape, 'affine', x, c.ggml_scale_bias(context, x.tensor, scale, offset), (dy) =>
    c.ggml_scale(context, dy, scale),
  );
}

/** x times constants of its shape. */
export function weighted(tape: Tape, x: Value, factors: Tensor): Value {
  const { c, context } = tape;
  return apply(tape, 'weighted', x, c.ggml_mul(context, x.tensor, factors), (dy) => c.ggml_mul(context, dy, factors));
}

/** x within -limit to limit; outside, its gradient is 0. */
export function clip(tape: Tape, x: Value, limit: number): Value {
  const { c, context } = tape;
  return apply(tape, 'clip', x, c.ggml_clamp(context, x.tensor, -limit, limit), (dy) => {
    const below = c.ggml_step(context, c.ggml_scale_bias(context, x.tensor, -1, limit));
    const above = c.ggml_step(context, c.ggml_scale_bias(context, x.tensor, 1, limit));
    return c.ggml_mul(context, dy, c.ggml_mul(context, below, above));
  });
}

/** 1 / (1 + e^-x) */
export function sigmoid(tape: Tape, x: Value): Value {
  const { c, context } = tape;
  const y = c.ggml_sigmoid(context, x.tensor);
  return apply(tape, 'sigmoid', x, y, (dy) =>
    c.ggml_mul(context, dy, c.ggml_mul(context, y, c.ggml_scale_bias(context, y, -1, 1))),
  );
}

/** log sigmoid(x), exact far below 0 too. */
export function logSigmoid(tape: Tape, x: Value): Value {
  const { c, context } = tape;
  const minus = c.ggml_neg(context, x.tensor);
  return apply(tape, 'logSigmoid', x, c.ggml_neg(context, c.ggml_softplus(context, minus)), (dy) =>
    c.ggml_mul(context, dy, c.ggml_sigmoid(context, minus)),
  );
}

/** A log-probability nearer to 0 counts as this one: the odds of what is certain are infinite. */
const nearlyCertain = -1e-6;

/** log(p / (1 - p)) of a log-probability x = log p. */
export function logOdds(tape: Tape, x: Value): Value {
  const { c, context } = tape;
  const bounded = c.ggml_clamp(context, x.tensor, -1e30, nearlyCertain);
  const otherwise = c.ggml_neg(context, c.ggml_expm1(context, bounded));
  return apply(tape, 'logOdds', x, c.ggml_sub(context, bounded, c.ggml_log(context, otherwise)), (dy) =>
    c.ggml_div(context, dy, otherwise),
  );
}
