/** Conversations and their entries in the database: a turn is written whole, behind the one that it was made after. */
import type { Entry } from '@atelier/agents';
import { AtelierError } from '@atelier/errors';
import { sql } from 'kysely';
import type { Database } from '../../storage/database/database.ts';
import type { Row } from '../../storage/database/tables.ts';

export type NewConversationRow = Omit<Row<'conversations'>, 'turns' | 'created_at' | 'updated_at'>;

export function underWay(): AtelierError {
  return new AtelierError('conflict', { reason: 'The conversation is in the middle of another turn' });
}

/** Everything that was said, in order. */
export async function readEntries(database: Database, conversation: string): Promise<Entry[]> {
  const rows = await database
    .selectFrom('conversation_entries')
    .selectAll()
    .where('conversation_id', '=', conversation)
    .orderBy('position')
    .execute();
  return rows.map(
    ({ id, kind, body, created_at, completed_at }) =>
      ({ ...body, kind, id, createdAt: created_at, completedAt: completed_at }) as Entry,
  );
}

/** A conversation with its first turn. */
export async function insertConversation(
  database: Database,
  { tools, settings, ...row }: NewConversationRow,
  entries: readonly Entry[],
): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('conversations')
      .values({ ...row, tools: JSON.stringify(tools), settings: JSON.stringify(settings), turns: 1 })
      .execute();
    await insertEntries(transaction, row.id, 0, entries);
  });
}

/** @throws AtelierError `conflict` when another came between */
export async function appendTurn(
  database: Database,
  { id, turns }: Pick<Row<'conversations'>, 'id' | 'turns'>,
  position: number,
  entries: readonly Entry[],
): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('conversations')
      .set({ turns: turns + 1, updated_at: sql<Date>`now()` })
      .where('id', '=', id)
      .where('turns', '=', turns)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw underWay();
    await insertEntries(transaction, id, position, entries);
  });
}

async function insertEntries(
  database: Database,
  conversation: string,
  position: number,
  entries: readonly Entry[],
): Promise<void> {
  const rows = entries.map(({ id, kind, createdAt, completedAt, ...body }, at) => ({
    conversation_id: conversation,
    position: position + at,
    id,
    kind,
    body: JSON.stringify(body),
    created_at: createdAt,
    completed_at: completedAt,
  }));
  // PostgreSQL takes 65,535 parameters at once.
  for (let from = 0; from < rows.length; from += 1000)
    await database
      .insertInto('conversation_entries')
      .values(rows.slice(from, from + 1000))
      .execute();
}
