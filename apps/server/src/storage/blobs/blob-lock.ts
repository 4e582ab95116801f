import { sql, type Transaction } from 'kysely';
import type { Tables } from '../database/tables.ts';

/**
 * Holds the blob named `sha256` until the transaction ends. A put and the sweep both take it, so that neither sees the
 * other between file and row: without it the sweep could remove the file that a put has just renamed into place.
 */
export async function lockBlob(transaction: Transaction<Tables>, sha256: string): Promise<void> {
  const key = Buffer.from(sha256.slice(0, 16), 'hex').readBigInt64BE();
  await sql`select pg_advisory_xact_lock(${key.toString()}::bigint)`.execute(transaction);
}
