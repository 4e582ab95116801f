import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { requireShape, type Value } from '../graph/value.ts';

/** Rotary position embedding (Su et al. 2021, arXiv 2104.09864), the arguments of ggml_rope_ext. */
export type Rope = {
  /** I32 [rows] */
  readonly positions: Tensor;
  /** F32 [dimensions / 2] frequency divisors of the file, or null. */
  readonly factors: Tensor | null;
  readonly dimensions: number;
  /** 0: adjacent pairs turn together; 2: halves do (NEOX). */
  readonly mode: number;
  readonly originalContext: number;
  readonly base: number;
  readonly frequencyScale: number;
  readonly extensionFactor: number;
  readonly attentionFactor: number;
  readonly betaFast: number;
  readonly betaSlow: number;
};

/** Rotates each head by its row's position. x [headSize * heads, rows] -> the same shape. */
export function rope(tape: Tape, x: Value, headSize: number, r: Rope): Value {
  const [width = 0, rows = 0] = x.shape;
  requireShape('rope', x, x.shape.length === 2 && width % headSize === 0, `[heads * ${headSize}, rows]`);
  const heads = [headSize, width / headSize, rows];
  const { c } = tape;
  const apply = (turn: typeof c.ggml_rope_ext, tensor: Tensor): Tensor =>
    tape.reshape(
      turn(
        tape.context,
        tape.reshape(tensor, heads),
        r.positions,
        r.factors,
        r.dimensions,
        r.mode,
        r.originalContext,
        r.base,
        r.frequencyScale,
        r.extensionFactor,
        r.attentionFactor,
        r.betaFast,
        r.betaSlow,
      ),
      x.shape,
    );
  return tape.record(`rope(${x.name})`, apply(c.ggml_rope_ext, x.tensor), x.shape, [x], (dy) =>
    tape.accumulate(x, apply(c.ggml_rope_ext_back, dy), true),
  );
}
