import { AtelierError } from '@atelier/errors';

/** Stands for the whole row, or the whole file, where no field is to blame. */
export const wholeRow = '(row)';
export const wholeFile = '(file)';

/**
 * What is wrong with a row. `field` and `reason` never hold anything that the row says, field names included: error
 * messages end up in logs and on screens where the data must not.
 */
export class RowProblem extends Error {
  readonly field: string;
  readonly reason: string;

  constructor(field: string, reason: string) {
    super(`${field}: ${reason}`);
    this.field = field;
    this.reason = reason;
  }

  at(line: number): AtelierError {
    return new AtelierError('invalid_dataset', { line, field: this.field, reason: this.reason });
  }
}
