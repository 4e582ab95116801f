import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { requireShape, type Value } from '../graph/value.ts';

/**
 * Joins rows: x [width, positions], shares F32 [positions, rows] -> [width, rows], each a sum of x's rows by its shares.
 * Mean, last and first-token pooling of packed sequences are the same product with other shares.
 */
export function pool(tape: Tape, x: Value, shares: Tensor, rows: number): Value {
  const [width = 0, positions = 0] = x.shape;
  requireShape('pool', x, x.shape.length === 2, 'a matrix');
  const { c } = tape;
  const ctx = tape.context;
  const transposed = (tensor: Tensor): Tensor => c.ggml_cont(ctx, c.ggml_transpose(ctx, tensor));
  const product = {
    transposeB: false,
    n: width,
    alpha: 1,
    beta: 0 as const,
    a: { at: 0, ld: positions },
    b: { at: 0, ld: width },
    c: { at: 0, ld: width },
  };
  const tensor = tape.blas
    ? tape.product(shares, x.tensor, [width, rows], [{ ...product, transposeA: false, m: rows, k: positions }])
    : c.ggml_mul_mat(ctx, transposed(x.tensor), shares);
  return tape.record(`pooled ${x.name}`, tensor, [width, rows], [x], (dy) => {
    if (tape.blas) tape.accumulateProduct(x, shares, dy, { ...product, transposeA: true, m: positions, k: rows });
    else tape.accumulate(x, c.ggml_mul_mat(ctx, transposed(dy), transposed(shares)), true);
  });
}
