import type { Tape } from '../graph/tape.ts';
import { requireSameShape, requireShape, type Value } from '../graph/value.ts';

/** a + b, equal shapes. */
export function add(tape: Tape, a: Value, b: Value): Value {
  requireSameShape('add', a, b);
  return tape.record(b.name, tape.c.ggml_add(tape.context, a.tensor, b.tensor), a.shape, [a, b], (dy) => {
    tape.accumulate(a, dy, false);
    tape.accumulate(b, dy, false);
  });
}

/** x * factor. */
export function scale(tape: Tape, x: Value, factor: number): Value {
  const { c, context } = tape;
  return tape.record(x.name, c.ggml_scale(context, x.tensor, factor), x.shape, [x], (dy) =>
    tape.accumulate(x, c.ggml_scale(context, dy, factor), true),
  );
}

/** a - b, equal shapes. */
export function subtract(tape: Tape, a: Value, b: Value): Value {
  requireSameShape('subtract', a, b);
  const { c, context } = tape;
  return tape.record(`${a.name} - ${b.name}`, c.ggml_sub(context, a.tensor, b.tensor), a.shape, [a, b], (dy) => {
    tape.accumulate(a, dy, false);
    if (b.needsGradient) tape.accumulate(b, c.ggml_neg(context, dy), true);
  });
}

/** x + bias on every row: x [width, rows], bias [width]. */
export function addBias(tape: Tape, x: Value, bias: Value): Value {
  requireShape('addBias', bias, bias.shape.length === 1 && bias.shape[0] === x.shape[0], `[${x.shape[0]}]`);
  const { c } = tape;
  return tape.record(x.name, c.ggml_add(tape.context, x.tensor, bias.tensor), x.shape, [x, bias], (dy) => {
    tape.accumulate(x, dy, false);
    if (bias.needsGradient) tape.accumulate(bias, c.ggml_repeat_back(tape.context, dy, bias.tensor), true);
  });
}

/** silu(gate) * up (Shazeer 2020, arXiv 2002.05202), equal shapes. */
export function swiglu(tape: Tape, gate: Value, up: Value): Value {
  requireSameShape('swiglu', gate, up);
  const { c } = tape;
  const tensor = c.ggml_swiglu_split(tape.context, gate.tensor, up.tensor);
  return tape.record(`swiglu(${gate.name})`, tensor, gate.shape, [gate, up], (dy) => {
    if (up.needsGradient)
      tape.accumulate(up, c.ggml_mul(tape.context, c.ggml_silu(tape.context, gate.tensor), dy), true);
    if (gate.needsGradient) {
      tape.accumulate(gate, c.ggml_silu_back(tape.context, c.ggml_mul(tape.context, dy, up.tensor), gate.tensor), true);
    }
  });
}
