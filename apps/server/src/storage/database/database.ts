import { AtelierError } from '@atelier/errors';
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely';
import pg, { type PoolConfig } from 'pg';
import type { Logger } from '../../logger.ts';
import type { Tables } from './tables.ts';

export type Database = Kysely<Tables>;

/** Typed queries, and the pool beneath them for what kysely has no words for (LISTEN, advisory locks over a session). */
export type DatabaseHandle = AsyncDisposable & { database: Database; pool: pg.Pool };

const MINIMUM_VERSION = 150_000;
const INT8 = 20;

/** bigint as a number: no count or token of ours reaches 2^53, and a value that did is refused rather than rounded. */
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
    return oid === INT8 && format !== 'binary'
      ? safeInteger
      : (pg.types.getTypeParser(oid, format) as (value: string) => unknown);
  },
};

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('a bigint of the database does not fit a number');
  return value;
}

/**
 * The pool, asked through callbacks: promises of pg's own keep results from the quick collections until they are optimised,
 * by when the heap has grown by 100 MB.
 */
function withCallbacks(pool: pg.Pool): PostgresPool {
  return {
    async connect() {
      const client = await pool.connect();
      const query = (text: string, values: readonly unknown[]) =>
        new Promise<pg.QueryResult>((resolve, reject) =>
          client.query(text, [...values], (error, result) => (error ? reject(error) : resolve(result))),
        );
      return { query, release: () => client.release() } as unknown as PostgresPoolClient;
    },
    end: () => pool.end(),
  };
}

/**
 * Connects, and checks that the other side is PostgreSQL 15 or newer.
 * @throws AtelierError `database_unusable`
 */
export async function openDatabase(connection: PoolConfig, logger: Logger): Promise<DatabaseHandle> {
  const pool = new pg.Pool({
    max: 16,
    connectionTimeoutMillis: 10_000,
    application_name: 'atelier',
    ...connection,
    types: types as NonNullable<PoolConfig['types']>,
  });
  // An idle connection that breaks is replaced by the pool at its next use.
  pool.on(
    'error',
    (error) => pool.ending || logger.warn({ code: (error as { code?: string }).code }, 'a database connection broke'),
  );
  const database = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: withCallbacks(pool) }) });
  const close = async () => {
    await database.destroy();
    if (!pool.ending) await pool.end(); // kysely ends only a pool that it has used
  };
  try {
    const { rows } = await pool.query<{ version: string }>("select current_setting('server_version_num') as version");
    if (Number(rows[0]?.version) < MINIMUM_VERSION)
      throw new Error(`its version is ${rows[0]?.version}; 15 or newer is needed`);
  } catch (error) {
    await close();
    // The driver's message names the host or the role at most, never the password.
    throw new AtelierError(
      'database_unusable',
      { reason: (error as Error).message || (error as { code?: string }).code || 'no connection' },
      error,
    );
  }
  return { database, pool, [Symbol.asyncDispose]: close };
}
