/** What a worker reads and writes of the job it holds. Every write goes through the job's lease. */
import type { AtelierError } from '@atelier/errors';
import { sql, type Transaction } from 'kysely';
import type { Lease, Leases } from '../../jobs/leases.ts';
import type { Row, RowChange, StoredError, Tables } from '../../storage/database/tables.ts';
import { isFinished, statesBefore, type TrainingState } from './states.ts';

export type JobRow = Row<'training_jobs'>;

export function createJobRows(leases: Leases) {
  /** Puts the job into `state` where the table of states allows it; false, and nothing is written, where it does not. */
  async function move(lease: Lease, state: TrainingState, change: RowChange<'training_jobs'> = {}): Promise<boolean> {
    return leases.fenced(lease, async (transaction) => {
      const { numUpdatedRows } = await transaction
        .updateTable('training_jobs')
        .set({ ...change, state, updated_at: now, ...(isFinished(state) && { finished_at: now, seconds_left: null }) })
        .where('id', '=', lease.id)
        .where('state', '=', (row) => row.fn.any(row.val(statesBefore(state))))
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    });
  }

  return {
    move,

    async read(lease: Lease): Promise<JobRow> {
      return leases.fenced(lease, (transaction) =>
        transaction.selectFrom('training_jobs').selectAll().where('id', '=', lease.id).executeTakeFirstOrThrow(),
      );
    },

    /** Other reads and writes, in one transaction that no other worker can come between. */
    write: <T>(lease: Lease, change: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> =>
      leases.fenced(lease, change),

    /** Ends the job with `error`, unless it is being cancelled: then that is what it ends as. */
    async fail(lease: Lease, error: AtelierError): Promise<void> {
      if (await move(lease, 'cancelled')) return;
      await move(lease, 'failed', { error: JSON.stringify(storedError(error)) });
    },
  };
}
export type JobRows = ReturnType<typeof createJobRows>;

export const now = sql<Date>`now()`;

function storedError(error: AtelierError): StoredError {
  return { ...error.toJSON(), details: { ...error.details }, message: error.message };
}
