import type { Tensor } from '../graph/operators.ts';
import { F32, type Tape } from '../graph/tape.ts';
import { requireShape, type Value } from '../graph/value.ts';

/** Sums of factor * x over the rows of each segment: x [rows], factors F32 [rows], segments I32 [rows] below `count` -> [count]. */
export function segmentSums(tape: Tape, x: Value, factors: Tensor, segments: Tensor, count: number): Value {
  requireShape('segmentSums', x, x.shape.length === 1, 'a vector');
  const { c, context } = tape;
  const [rows = 0] = x.shape;
  const scaled = tape.reshape(c.ggml_mul(context, x.tensor, factors), [1, rows]);
  const sums = c.ggml_get_rows_back(context, scaled, segments, c.ggml_new_tensor_2d(context, F32, 1, count));
  return tape.record(`sums of ${x.name}`, tape.reshape(sums, [count]), [count], [x], (dy) => {
    const spread = c.ggml_get_rows(context, tape.reshape(dy, [1, count]), segments);
    tape.accumulate(x, c.ggml_mul(context, tape.reshape(spread, [rows]), factors), true);
  });
}
