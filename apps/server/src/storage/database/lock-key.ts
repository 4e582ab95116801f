import { sql, type Transaction } from 'kysely';
import type { Tables } from './tables.ts';

/** Until the transaction ends nobody else passes with this key. */
export async function lockKey(transaction: Transaction<Tables>, key: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`.execute(transaction);
}
