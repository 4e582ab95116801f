import { sql, type RawBuilder } from 'kysely';
import type { Tables } from '../storage/database/tables.ts';

/** Whether a row comes after that of `id` in a list by creation, newest first unless said otherwise. */
export function afterRow(
  table: keyof Tables & ('files' | 'batches' | 'training_jobs'),
  id: string,
  oldestFirst = false,
): RawBuilder<boolean> {
  const from = sql.table(table);
  const comparison = sql.raw(oldestFirst ? '>' : '<');
  return sql<boolean>`(${from}.created_at, ${from}.id) ${comparison} (select other.created_at, other.id from ${from} other where other.id = ${id})`;
}
