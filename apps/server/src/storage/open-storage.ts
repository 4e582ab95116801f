/** Everything that keeps data, opened in the one right order. */
import path from 'node:path';
import type { Config } from '../config/config.ts';
import type { Events } from '../events.ts';
import type { Loggers } from '../logger.ts';
import { type BlobStore, openBlobStore } from './blobs/blob-store.ts';
import { startSweeper } from './blobs/sweeper.ts';
import { lockDataDirectory } from './data-directory-lock.ts';
import { prepareDataDirectory } from './data-directory.ts';
import { type DatabaseHandle, openDatabase } from './database/database.ts';
import { migrate, readMigrations } from './database/migrate.ts';
import { startEmbeddedPostgres } from './postgres/embedded-postgres.ts';
import { readOrCreateSecret } from './secret-file.ts';

export type Storage = AsyncDisposable &
  Pick<DatabaseHandle, 'database' | 'pool'> & {
    blobs: BlobStore;
    /** A secret of this data directory, made at its first use. */
    secret(name: string, prefix?: string): Promise<{ secret: string; created: boolean }>;
  };

/**
 * Locks the data directory, starts PostgreSQL in it (or connects to the one that the operator named), applies migrations
 * and opens the blobs. Disposing undoes all of it.
 * @throws AtelierError `data_directory_in_use`, `database_unusable`, `invalid_setting`
 */
export async function openStorage(config: Config, loggers: Loggers, events: Events): Promise<Storage> {
  const { directories, secrets } = config;
  await using stack = new AsyncDisposableStack();
  await prepareDataDirectory(directories.data);
  stack.use(await lockDataDirectory(directories.data));
  const connection =
    secrets.databaseUrl === null
      ? stack.use(await startEmbeddedPostgres(directories.postgres, loggers.postgres)).connection
      : { connectionString: secrets.databaseUrl };
  const { database, pool } = stack.use(await openDatabase(connection, loggers.database));
  for (const name of await migrate(pool, await readMigrations()))
    loggers.database.info({ migration: name }, 'migration applied');
  const blobs = await openBlobStore(directories.blobs, database);
  stack.use(await startSweeper(directories.blobs, database, events, loggers.blobs));
  const opened = stack.move();
  return {
    database,
    pool,
    blobs,
    secret: (name, prefix) => readOrCreateSecret(path.join(directories.data, name), prefix),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
