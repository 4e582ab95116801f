import type { Tensor } from '../graph/operators.ts';
import { F32, type Tape } from '../graph/tape.ts';
import { requireShape, type Value } from '../graph/value.ts';

/** Where each position of x goes: the row it is added to, I32 [positions], and how much of it, F32 [1, positions]. */
export type Shares = { readonly rowOf: Tensor; readonly share: Tensor };

/**
 * Joins positions to rows: x [width, positions] -> [width, rows], each the sum of its positions by their shares. Mean, last
 * and first-token pooling of packed sequences differ in the shares alone; a position with share 0 belongs to no row.
 */
export function pool(tape: Tape, x: Value, { rowOf, share }: Shares, rows: number): Value {
  const [width = 0] = x.shape;
  requireShape('pool', x, x.shape.length === 2, 'a matrix');
  const { c } = tape;
  const ctx = tape.context;
  const empty = c.ggml_new_tensor_2d(ctx, F32, width, rows);
  // The gradient of a look-up is this very sum.
  const tensor = c.ggml_get_rows_back(ctx, c.ggml_mul(ctx, x.tensor, share), rowOf, empty);
  return tape.record(`pooled ${x.name}`, tensor, [width, rows], [x], (dy) =>
    tape.accumulate(x, c.ggml_mul(ctx, c.ggml_get_rows(ctx, dy, rowOf), share), true),
  );
}
