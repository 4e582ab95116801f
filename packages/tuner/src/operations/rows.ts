import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { requireShape, type Value } from '../graph/value.ts';

/** Picks rows: table [width, n], indices I32 [count] -> [width, count]. Embedding look-up, and the gathering of supervised rows. */
export function gatherRows(tape: Tape, table: Value, indices: Tensor, count: number, name: string): Value {
  requireShape('gatherRows', table, table.shape.length === 2, 'a matrix');
  const { c } = tape;
  const tensor = c.ggml_get_rows(tape.context, table.tensor, indices);
  return tape.record(name, tensor, [table.shape[0]!, count], [table], (dy) =>
    tape.accumulate(table, c.ggml_get_rows_back(tape.context, dy, indices, table.tensor), true),
  );
}
