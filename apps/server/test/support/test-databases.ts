/**
 * Real databases for tests: one PostgreSQL for a test file (the embedded one, or the server that TEST_DATABASE_URL names)
 * and a fresh, migrated database for each test, cloned from a template.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import pg, { type PoolConfig } from 'pg';
import { createLoggers } from '../../src/logger.ts';
import { type DatabaseHandle, openDatabase } from '../../src/storage/database/database.ts';
import { migrate, readMigrations } from '../../src/storage/database/migrate.ts';
import { startEmbeddedPostgres } from '../../src/storage/postgres/embedded-postgres.ts';
import { seedCluster } from './seed-cluster.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export const silent = createLoggers('silent');

export type TestDatabases = AsyncDisposable & {
  /** Migrated, and empty but for that. */
  fresh(): Promise<DatabaseHandle>;
  /** Without any table. */
  empty(): Promise<DatabaseHandle>;
};

export async function testDatabases(): Promise<TestDatabases> {
  await using stack = new AsyncDisposableStack();
  const url = process.env['TEST_DATABASE_URL'];
  const connection = url ? parseUrl(url) : await startOwn(stack);
  const administrator = new pg.Pool({ ...connection, max: 1 });
  administrator.on('error', () => {});
  stack.defer(() => administrator.end());
  const made: string[] = [];

  async function create(template: string): Promise<string> {
    const name = `test_${randomBytes(8).toString('hex')}`;
    await administrator.query(`create database ${name} template ${template}`);
    made.push(name);
    return name;
  }
  const open = (name: string) => openDatabase({ ...connection, database: name }, silent.database);

  const template = await create('template0');
  {
    await using handle = await open(template);
    await migrate(handle.pool, await readMigrations());
  }
  await administrator.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [template]);
  /** Databases that a test is done with: emptying one is cheaper than cloning another. */
  const free: string[] = [];

  async function fresh(): Promise<DatabaseHandle> {
    const used = free.pop();
    const name = used ?? (await create(template));
    const handle = await open(name);
    if (used) await handle.pool.query('truncate workspaces, blobs cascade');
    return {
      ...handle,
      async [Symbol.asyncDispose]() {
        await handle[Symbol.asyncDispose]();
        free.push(name);
      },
    };
  }

  const opened = stack.move();
  return {
    fresh,
    empty: async () => open(await create('template0')),
    async [Symbol.asyncDispose]() {
      if (url) for (const name of made) await administrator.query(`drop database ${name} with (force)`);
      await opened.disposeAsync();
    },
  };
}

function parseUrl(url: string): PoolConfig {
  const { hostname, port, username, password, searchParams } = new URL(url);
  return {
    host: searchParams.get('host') ?? hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: 'postgres',
  };
}

/** Its data need not outlive the test, so it does not wait for the disk. */
async function startOwn(stack: AsyncDisposableStack): Promise<PoolConfig> {
  const directory = stack.use(await temporaryDirectory());
  await seedCluster(path.join(directory.path, 'postgres'));
  const { connection } = stack.use(await startEmbeddedPostgres(path.join(directory.path, 'postgres'), silent.postgres));
  await using handle = await openDatabase(connection, silent.database);
  await handle.pool.query('alter system set fsync = off');
  await handle.pool.query('select pg_reload_conf()');
  return connection;
}
