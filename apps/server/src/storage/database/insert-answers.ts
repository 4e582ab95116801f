import { sql, type Transaction } from 'kysely';
import type { Tables } from './tables.ts';

/** One line of a batch, answered. */
export type Answer = { line: number; ok: boolean; message: string | null; answer: string };

/** All in one parameter: a thousand of them would be a thousand nodes of a query, for each insert. */
export async function insertAnswers(
  transaction: Transaction<Tables>,
  batch: string,
  answers: readonly Answer[],
): Promise<void> {
  await sql`insert into batch_answers (batch_id, line, ok, message, answer)
    select ${batch}::uuid, line, ok, message, answer
    from json_to_recordset(${JSON.stringify(answers)}::json)
      as given (line integer, ok boolean, message text, answer text)`.execute(transaction);
}
