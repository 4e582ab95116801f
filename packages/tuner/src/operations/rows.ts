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

/** The first row of a table as a vector: [width, n] -> [width]. */
export function firstRow(tape: Tape, table: Value): Value {
  const [width = 0] = table.shape;
  const view = tape.c.ggml_view_1d(tape.context, table.tensor, width, 0);
  return tape.record(`first row of ${table.name}`, view, [width], [table], (dy) => {
    const whole = tape.c.ggml_pad(tape.context, dy, 0, (table.shape[1] ?? 1) - 1, 0, 0);
    tape.accumulate(table, whole, true);
  });
}
