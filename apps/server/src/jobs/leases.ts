/**
 * Who works on a job. A lease is a column triple of the job's own row: an owner, a time until which he holds it,
 * and a fencing token that grows with every change of hands. Time is the database's, so clocks of replicas don't matter.
 * A job is executed at least once and committed exactly once: a worker that lost its lease may go on computing, but it
 * cannot write, because every write goes through `fenced`.
 */
import { AtelierError } from '@atelier/errors';
import { sql, type Transaction } from 'kysely';
import type { Database } from '../storage/database/database.ts';
import type { Tables, TrainingState } from '../storage/database/tables.ts';

export type Lease = {
  /** Of the job. */
  id: string;
  token: number;
  /** How many times the job was taken, this one included. */
  attempt: number;
  /** How many of the earlier attempts ended with an error. */
  failures: number;
};

export type LeasedTable = 'training_jobs' | 'batches';
const leasedByDefault: LeasedTable = 'training_jobs';

export type Leases = ReturnType<typeof createLeases>;

export const finalStates = ['succeeded', 'failed', 'cancelled', 'timed_out'] as const satisfies TrainingState[];

/** Long enough that a stalled machine does not lose a job it still works on, short enough to take over a dead one's soon. */
export const LEASE_SECONDS = 15;

export function createLeases({
  database,
  owner,
  table = leasedByDefault,
  seconds = LEASE_SECONDS,
}: {
  database: Database;
  owner: string;
  table?: LeasedTable;
  seconds?: number;
}) {
  // Every leased table has the same columns of a lease; for the types, this one stands for all.
  const leased = table as 'training_jobs';
  const until = (after: number) => sql<Date>`now() + make_interval(secs => ${after})`;

  return {
    seconds,

    /** Takes the oldest job that is not over and that nobody holds; null when there is none. */
    async acquire(): Promise<Lease | null> {
      const row = await database
        .updateTable(leased)
        .set((job) => ({
          lease_owner: owner,
          lease_token: job('lease_token', '+', 1),
          lease_expires_at: until(seconds),
          attempt: job('attempt', '+', 1),
        }))
        .where('id', '=', (job) =>
          job
            .selectFrom(leased)
            .select('id')
            .where('state', 'not in', finalStates)
            .where((wanted) => wanted.or([wanted('state', '=', 'cancelling'), wanted('waiting', '=', false)]))
            .where((free) =>
              free.or([
                free('lease_expires_at', 'is', null),
                free('lease_expires_at', '<=', sql<Date>`now()`),
                // Waiting to be tried again after a failure: a cancel need not wait.
                free.and([free('lease_owner', 'is', null), free('state', '=', 'cancelling')]),
              ]),
            )
            .orderBy('created_at')
            .orderBy('id')
            .limit(1)
            .forUpdate()
            .skipLocked(),
        )
        .returning(['id', 'lease_token', 'attempt', 'failures'])
        .executeTakeFirst();
      return row ? { id: row.id, token: row.lease_token, attempt: row.attempt, failures: row.failures } : null;
    },

    /** At a start: gives back what an earlier process of the same owner held when it was killed. It must be known to be dead. */
    async dropOwn(): Promise<void> {
      await database
        .updateTable(leased)
        .set({ lease_owner: null, lease_expires_at: null })
        .where('lease_owner', '=', owner)
        .execute();
    },

    /** Holds the job for `seconds` more. What the row wants of its worker; null when the lease is lost. */
    async renew({ id, token }: Lease): Promise<{ state: string; waiting: boolean } | null> {
      const row = await database
        .updateTable(leased)
        .set({ lease_expires_at: until(seconds) })
        .where('id', '=', id)
        .where('lease_token', '=', token)
        .where('lease_owner', '=', owner)
        .returning(['state', 'waiting'])
        .executeTakeFirst();
      return row ?? null;
    },

    /** Gives the job back, after an error for others to take only in `pauseSeconds`. Nothing happens when the lease is lost. */
    async release({ id, token }: Lease, { failed = false, pauseSeconds = 0 } = {}): Promise<void> {
      await database
        .updateTable(leased)
        .set((job) => ({
          lease_owner: null,
          lease_expires_at: pauseSeconds > 0 ? until(pauseSeconds) : null,
          ...(failed && { failures: job('failures', '+', 1) }),
        }))
        .where('id', '=', id)
        .where('lease_token', '=', token)
        .where('lease_owner', '=', owner)
        .execute();
    },

    /**
     * Runs `change` in a transaction that holds the job's row, so that nobody can take the job over before it commits.
     * @throws AtelierError `lease_lost`, and nothing is written, when the job has changed hands or is gone.
     */
    async fenced<T>({ id, token }: Lease, change: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> {
      return database.transaction().execute(async (transaction) => {
        const held = await transaction
          .selectFrom(leased)
          .select('id')
          .where('id', '=', id)
          .where('lease_token', '=', token)
          .where('lease_owner', '=', owner)
          .forUpdate()
          .executeTakeFirst();
        if (!held) throw new AtelierError('lease_lost', { id });
        return change(transaction);
      });
    },
  };
}
