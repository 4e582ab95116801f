import type { DatasetRecord } from '../records/record.ts';
import { maxRows } from './limits.ts';
import { RowProblem, wholeFile, wholeRow } from './row-problem.ts';
import type { Shape } from './shape.ts';
import { requireSafe } from './value-rules.ts';

/** Turns the rows of one file into records, and sees to it that all of them are alike. */
export class RowConverter {
  readonly #shapes: readonly Shape[];
  #shape: Shape | undefined;
  #rows = 0;

  constructor(shapes: readonly Shape[]) {
    this.#shapes = shapes;
  }

  /** Fails with `invalid_dataset`. */
  convert(row: unknown, line: number): DatasetRecord {
    try {
      if (++this.#rows > maxRows) throw new RowProblem(wholeFile, `holds more than ${maxRows} rows`);
      if (typeof row !== 'object' || row === null || Array.isArray(row))
        throw new RowProblem(wholeRow, 'must be a JSON object');
      requireSafe(row);
      return this.#shapeOf(row).convert(row);
    } catch (error) {
      throw error instanceof RowProblem ? error.at(line) : error;
    }
  }

  #shapeOf(row: object): Shape {
    const shape = this.#shapes.find(({ marks }) => marks.some((mark) => Object.hasOwn(row, mark)));
    if (shape === undefined) {
      throw new RowProblem(wholeRow, `must have ${this.#shapes.map(({ description }) => description).join(', or ')}`);
    }
    this.#shape ??= shape;
    if (shape !== this.#shape)
      throw new RowProblem(wholeRow, `must have ${this.#shape.description} like the rows before it`);
    return shape;
  }

  /** Called at the end of the file. */
  finish(): void {
    if (this.#rows === 0) throw new RowProblem(wholeFile, 'holds no rows').at(1);
  }
}
