/**
 * Brings a database to the tables this version expects: the numbered SQL files of migrations/, each in a transaction of
 * its own under an advisory lock, so that replicas that start together apply each once.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import type pg from 'pg';

/** Any constant will do; this one is ours within a database. */
const MIGRATION_LOCK = 7_145_298_301;

export type Migration = { name: string; sql: string; sha256: string };

export async function readMigrations(directory = path.join(import.meta.dirname, 'migrations')): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).toSorted();
  return Promise.all(
    names.map(async (name, index) => {
      const sql = await readFile(path.join(directory, name), 'utf8');
      if (!name.startsWith(`${String(index + 1).padStart(4, '0')}-`))
        throw new AtelierError('database_unusable', { reason: `migration ${name} is out of order` });
      return { name: name.slice(0, -'.sql'.length), sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Applies what is missing; returns the names of what was applied.
 * @throws AtelierError `database_unusable` when the database is newer than this version or an applied file was changed since.
 */
export async function migrate(pool: pg.Pool, migrations: Migration[]): Promise<string[]> {
  const applied: string[] = [];
  const client = await pool.connect();
  try {
    for (;;) {
      await client.query('begin');
      await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
      await client.query(
        'create table if not exists migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())',
      );
      const { rows } = await client.query<{ name: string; sha256: string }>(
        'select name, sha256 from migrations order by name',
      );
      checkHistory(rows, migrations);
      const next = migrations[rows.length];
      if (next) {
        await client.query(next.sql);
        await client.query('insert into migrations (name, sha256) values ($1, $2)', [next.name, next.sha256]);
        applied.push(next.name);
      }
      await client.query('commit');
      if (!next) return applied;
    }
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

function checkHistory(history: { name: string; sha256: string }[], migrations: Migration[]): void {
  for (const [index, { name, sha256 }] of history.entries()) {
    const known = migrations[index];
    if (known?.name !== name)
      throw new AtelierError('database_unusable', { reason: `it was made by a newer Atelier (migration ${name})` });
    if (known.sha256 !== sha256)
      throw new AtelierError('database_unusable', { reason: `migration ${name} was changed after it was applied` });
  }
}
