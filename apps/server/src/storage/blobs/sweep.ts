/**
 * Removes what nothing names: rows that no foreign key points to, files without a row, and what puts left aside that
 * were cut short. Deleting a data set or a checkpoint only drops the reference; this gives the space back.
 */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { lockBlob } from './blob-lock.ts';
import { asideDirectory, blobPath, isSha256 } from './blob-path.ts';

/** A blob put this lately may be about to be named by a row that is not written yet. */
const GRACE_SECONDS = 3600;

export type Swept = { blobs: number; strayFiles: number };

/** To be called before the first put: takes everything that lies aside for left over. */
export async function clearAside(root: string): Promise<number> {
  const names = await readdir(asideDirectory(root)).catch(() => []);
  for (const name of names) await rm(path.join(asideDirectory(root), name), { recursive: true, force: true });
  return names.length;
}

export async function sweepBlobs(
  root: string,
  database: Database,
  { graceSeconds = GRACE_SECONDS, signal }: { graceSeconds?: number; signal?: AbortSignal } = {},
): Promise<Swept> {
  const unnamed = await unnamedCondition(database);
  const swept: Swept = { blobs: 0, strayFiles: 0 };
  const old = sql<boolean>`put_at <= now() - make_interval(secs => ${graceSeconds})`;
  const candidates = await database.selectFrom('blobs').select('sha256').where(old).where(unnamed).execute();
  for (const { sha256 } of candidates) {
    if (signal?.aborted) return swept;
    await database.transaction().execute(async (transaction) => {
      await lockBlob(transaction, sha256);
      const gone = await transaction
        .deleteFrom('blobs')
        .where('sha256', '=', sha256)
        .where(old)
        .where(unnamed)
        .executeTakeFirst();
      if (gone.numDeletedRows === 0n) return;
      // Before the commit: cut short here, the row stays, names nothing that anyone reads, and the next sweep ends it.
      await rm(blobPath(root, sha256), { force: true });
      swept.blobs++;
    });
  }
  for await (const names of storedFiles(root)) {
    const known = await database.selectFrom('blobs').select('sha256').where('sha256', 'in', names).execute();
    const rows = new Set(known.map(({ sha256 }) => sha256));
    for (const sha256 of names.filter((name) => !rows.has(name))) {
      if (signal?.aborted) return swept;
      if (await removeStray(root, database, sha256)) swept.strayFiles++;
    }
  }
  return swept;
}

/** A file without a row may be one that a put has just renamed into place: looked at again under the lock. */
async function removeStray(root: string, database: Database, sha256: string): Promise<boolean> {
  return database.transaction().execute(async (transaction) => {
    await lockBlob(transaction, sha256);
    const row = await transaction.selectFrom('blobs').select('sha256').where('sha256', '=', sha256).executeTakeFirst();
    if (row) return false;
    await rm(blobPath(root, sha256), { force: true });
    return true;
  });
}

/** "No column that is declared as a reference to blobs holds it", from the catalogue: a new such column needs no change here. */
async function unnamedCondition(database: Database) {
  const { rows } = await sql<{ table: string; column: string }>`
    select c.conrelid::regclass::text as table, a.attname as column
    from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.contype = 'f' and c.confrelid = 'blobs'::regclass`.execute(database);
  const named = rows.map(
    ({ table, column }) =>
      sql`exists (select 1 from ${sql.table(table)} where ${sql.ref(`${table}.${column}`)} = blobs.sha256)`,
  );
  return sql<boolean>`not (${sql.join([sql`false`, ...named], sql` or `)})`;
}

/** The names of all files, one of 256 top directories at a time. */
async function* storedFiles(root: string): AsyncGenerator<string[]> {
  for (const first of (await readdir(root)).filter((name) => name.length === 2)) {
    const names = (await readdir(path.join(root, first), { recursive: true })).map((name) => path.basename(name));
    const stored = names.filter(isSha256);
    if (stored.length > 0) yield stored;
  }
}
