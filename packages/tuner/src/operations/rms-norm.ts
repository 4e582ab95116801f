import type { Tape } from '../graph/tape.ts';
import { requireShape, type Value } from '../graph/value.ts';

/** x / sqrt(mean(x^2) + epsilon) * weight over each row (Zhang & Sennrich 2019, arXiv 1910.07467). x [width, rows], weight [width]. */
export function rmsNorm(tape: Tape, x: Value, weight: Value, epsilon: number): Value {
  requireShape(
    'rmsNorm',
    weight,
    weight.shape.length === 1 && weight.shape[0] === x.shape[0],
    `[${x.shape[0]}] for ${x.name}`,
  );
  const { c } = tape;
  const normal = c.ggml_rms_norm(tape.context, x.tensor, epsilon);
  const tensor = c.ggml_mul(tape.context, normal, weight.tensor);
  return tape.record(`norm(${x.name})`, tensor, x.shape, [x, weight], (dy) => {
    if (weight.needsGradient) {
      tape.accumulate(
        weight,
        c.ggml_repeat_back(tape.context, c.ggml_mul(tape.context, dy, normal), weight.tensor),
        true,
      );
    }
    if (x.needsGradient) {
      const through = c.ggml_mul(tape.context, dy, weight.tensor);
      tape.accumulate(x, c.ggml_rms_norm_back(tape.context, through, x.tensor, epsilon), true);
    }
  });
}
