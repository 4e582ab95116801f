/** Operations that only arrange numbers anew. */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { elements, requireShape, type Shape, type Value } from '../graph/value.ts';

/** The same numbers in another shape. */
export function reshape(tape: Tape, x: Value, shape: Shape): Value {
  requireShape('reshape', x, elements(x.shape) === elements(shape), `${elements(shape)} elements`);
  return tape.record(x.name, tape.reshape(x.tensor, shape), shape, [x], (dy) =>
    tape.accumulate(x, tape.reshape(dy, x.shape), false),
  );
}

/**
 * Cuts every row into parts of these widths: x [sum of widths, rows] -> [width, rows] each. Backward must reach all of the
 * parts or none.
 */
export function splitColumns(tape: Tape, x: Value, widths: readonly number[]): Value[] {
  const [width = 0, rows = 0] = x.shape;
  requireShape(
    'splitColumns',
    x,
    width === widths.reduce((sum, part) => sum + part, 0),
    `[${widths.join(' + ')}, rows]`,
  );
  const { c, context: ctx } = tape;
  const bytes = Float32Array.BYTES_PER_ELEMENT;
  let from = 0;
  const parts: Value[] = widths.map((part, index) => {
    const view = c.ggml_view_2d(ctx, x.tensor, part, rows, width * bytes, from * bytes);
    from += part;
    return {
      name: `part ${index} of ${x.name}`,
      tensor: c.ggml_cont(ctx, view),
      shape: [part, rows],
      needsGradient: x.needsGradient,
    };
  });
  // One step for all: recorded before anything that reads a part, it is replayed after every part has its gradient.
  const first = tape.record(parts[0]!.name, parts[0]!.tensor, parts[0]!.shape, [x], (dy) => {
    const joined = parts.slice(1).reduce((left: Tensor, part) => c.ggml_concat(ctx, left, part.gradient!, 0), dy);
    tape.accumulate(x, joined, true);
  });
  parts[0] = first;
  return parts;
}
