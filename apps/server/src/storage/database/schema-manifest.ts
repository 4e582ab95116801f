/**
 * What a migrated database looks like, as plain data: schema.json holds it, and a test compares it with the live
 * catalogue, so that a change of a migration shows up in review as a change of tables and not only of SQL text.
 * `node schema-manifest.ts` rewrites schema.json, `--check` only compares.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import { createLoggers } from '../../logger.ts';
import { prepareDataDirectory } from '../data-directory.ts';
import { startEmbeddedPostgres } from '../postgres/embedded-postgres.ts';
import { openDatabase } from './database.ts';
import { migrate, readMigrations } from './migrate.ts';

export type SchemaManifest = Record<
  string,
  { columns: Record<string, string>; constraints: string[]; indexes: string[] }
>;

export const manifestFile = path.join(import.meta.dirname, 'schema.json');

/** Tables of the schema `public` with their columns, constraints and indexes in PostgreSQL's own words, sorted. */
export async function readSchema(pool: pg.Pool): Promise<SchemaManifest> {
  const columns = await pool.query<{ table: string; name: string; type: string }>(`
    select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod)
      || case when a.attnotnull then ' not null' else '' end
      || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') as type
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by c.relname, a.attnum`);
  // contype n: PostgreSQL 18 also lists "not null" as a constraint; the columns say it already, in every version.
  const constraints = await pool.query<{ table: string; text: string }>(`
    select conrelid::regclass::text as table, pg_get_constraintdef(oid) as text from pg_constraint
    where connamespace = 'public'::regnamespace and contype <> 'n' order by 1, 2`);
  const indexes = await pool.query<{ table: string; text: string }>(
    `select tablename as table, indexdef as text from pg_indexes where schemaname = 'public' order by 1, 2`,
  );
  const manifest: SchemaManifest = {};
  for (const { table, name, type } of columns.rows)
    (manifest[table] ??= { columns: {}, constraints: [], indexes: [] }).columns[name] = type;
  for (const { table, text } of constraints.rows) manifest[table]?.constraints.push(text);
  for (const { table, text } of indexes.rows) manifest[table]?.indexes.push(text);
  return manifest;
}

export async function readManifest(): Promise<SchemaManifest> {
  return JSON.parse(await readFile(manifestFile, 'utf8')) as SchemaManifest;
}

async function main(check: boolean): Promise<number> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'atelier-schema-'));
  try {
    await prepareDataDirectory(directory);
    const loggers = createLoggers('warn');
    await using postgres = await startEmbeddedPostgres(path.join(directory, 'postgres'), loggers.postgres);
    await using handle = await openDatabase(postgres.connection, loggers.database);
    await migrate(handle.pool, await readMigrations());
    const text = `${JSON.stringify(await readSchema(handle.pool), null, 2)}\n`;
    if (!check) await writeFile(manifestFile, text);
    else if (text !== (await readFile(manifestFile, 'utf8'))) {
      process.stderr.write(
        'schema.json differs from what the migrations make; run schema-manifest.ts without --check and review the change\n',
      );
      return 1;
    }
    return 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.includes('--check'));
