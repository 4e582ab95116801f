/** Answers of a batch on their way into the database: a few at a time, each line once, and only while the lease is held. */
import { sql } from 'kysely';
import type { Lease, Leases } from '../../jobs/leases.ts';
import type { Database } from '../../storage/database/database.ts';
import { type Answer, insertAnswers } from '../../storage/database/insert-answers.ts';

/** Answers that wait for one insert, at most, and how long they wait. */
const MOST_WAITING = 200;
const WRITE_EVERY_MS = 250;
/** Answers in one read of what is to go into a file. */
const READ_AT_ONCE = 100;

/** Lines that were answered already, by an earlier worker. */
export async function answeredLines(database: Database, id: string): Promise<Set<number>> {
  const rows = await database.selectFrom('batch_answers').select('line').where('batch_id', '=', id).execute();
  return new Set(rows.map(({ line }) => line));
}

export function createAnswerWriter(leases: Leases, lease: Lease) {
  let waiting: Answer[] = [];
  let writing: Promise<void> = Promise.resolve();
  let failure: unknown;
  const timer = setInterval(() => flush(), WRITE_EVERY_MS);

  function flush(): void {
    if (waiting.length === 0) return;
    const answers = waiting;
    waiting = [];
    writing = writing
      .then(() => write(answers))
      .catch((error: unknown) => {
        failure ??= error;
      });
  }

  async function write(answers: readonly Answer[]): Promise<void> {
    const succeeded = answers.filter(({ ok }) => ok).length;
    await leases.fenced(lease, async (transaction) => {
      await insertAnswers(transaction, lease.id, answers);
      await transaction
        .updateTable('batches')
        .set((batch) => ({
          succeeded: batch('succeeded', '+', succeeded),
          failed: batch('failed', '+', answers.length - succeeded),
          updated_at: sql<Date>`now()`,
        }))
        .where('id', '=', lease.id)
        .execute();
    });
  }

  return {
    /** @throws what an earlier write failed with: `lease_lost`, or the database's own error */
    add(answer: Answer): void {
      if (failure) throw failure;
      waiting.push(answer);
      if (waiting.length >= MOST_WAITING) flush();
    },
    /** Resolves when all that was added is written. @throws as `add` */
    async done(): Promise<void> {
      flush();
      await writing;
      if (failure) throw failure;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** The answers that went well, or those that did not, in the order of their lines, as the lines of a file. */
export async function* answerLines(database: Database, id: string, ok: boolean): AsyncGenerator<Uint8Array> {
  for (let after = -1; ;) {
    const rows = await database
      .selectFrom('batch_answers')
      .select(['line', 'answer'])
      .where('batch_id', '=', id)
      .where('ok', '=', ok)
      .where('line', '>', after)
      .orderBy('line')
      .limit(READ_AT_ONCE)
      .execute();
    if (rows.length === 0) return;
    yield Buffer.from(rows.map(({ answer }) => `${answer}\n`).join(''));
    after = rows.at(-1)!.line;
  }
}
