/** The whole server with three tiny models, on a database that the test can look into, and with a second workspace. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { writeTinyModel } from '@atelier/llama/testing';
import type { InjectOptions } from 'fastify';
import type pg from 'pg';
import type { Environment } from '../../src/config/environment.ts';
import { hashApiKey } from '../../src/core/access/api-key.ts';
import type { Overrides } from '../../src/main.ts';
import { openBlobStore } from '../../src/storage/blobs/blob-store.ts';
import type { Database } from '../../src/storage/database/database.ts';
import { chatTemplate } from './chat-template.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { testServer } from './test-server.ts';
import type { TestDatabases } from './test-databases.ts';

export type EmissaryServer = Awaited<ReturnType<typeof emissaryServer>>;

/** Somebody of a workspace that is not the administrator's. */
export const stranger = { key: 'ak-the-strangers-key', workspace: 'ws-stranger', user: 'user-stranger' };

export async function emissaryServer(
  databases: TestDatabases,
  environment: Environment = {},
  overrides: Overrides = {},
) {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory());
  const { database, pool } = stack.use(await databases.fresh());
  const models = path.join(directory.path, 'models');
  await mkdir(models);
  await writeTinyModel(path.join(models, 'tiny-chat.gguf'), { chatTemplate });
  await writeTinyModel(path.join(models, 'tiny-raw.gguf'));
  await writeTinyModel(path.join(models, 'tiny-long.gguf'), { chatTemplate, context: 8192 });
  await insertStranger(database);
  const start = (given: Environment) =>
    testServer(directory.path, { DATABASE_URL: urlOf(pool), ATELIER_THREADS: '1', ...given }, overrides);
  let server = await start(environment);
  stack.defer(() => server[Symbol.asyncDispose]());
  const opened = stack.move();
  return {
    ...server,
    database,
    directory: directory.path,
    blobs: await openBlobStore(path.join(directory.path, 'blobs'), database),
    /** Where it listens since its latest restart. */
    currentUrl: () => server.url,
    stop: () => server[Symbol.asyncDispose](),
    /** Stops the server and starts one on the same data; `call` asks that one from then on. */
    async restart(given: Environment = environment): Promise<void> {
      await server[Symbol.asyncDispose]();
      server = await start(given);
    },
    /** A request in process, with the administrator's key unless another is given. */
    call: (
      method: NonNullable<InjectOptions['method']>,
      url: string,
      payload?: object | string,
      key = server.adminKey,
    ) =>
      server.inject({
        method,
        url,
        headers: { 'x-api-key': key, ...(typeof payload === 'string' && { 'content-type': 'application/json' }) },
        ...(payload !== undefined && { payload }),
      }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function insertStranger(database: Database): Promise<void> {
  const { key, workspace, user } = stranger;
  await database.insertInto('workspaces').values({ id: workspace, name: 'stranger' }).execute();
  await database.insertInto('users').values({ id: user, workspace_id: workspace, name: 'stranger' }).execute();
  await database
    .insertInto('api_keys')
    .values({ id: 'key-stranger', workspace_id: workspace, user_id: user, hash: hashApiKey(key)!, name: 'stranger' })
    .execute();
}

/** How the server reaches the database that `pool` is connected to. */
function urlOf(pool: pg.Pool): string {
  const { host, port, user, password, database } = pool.options as {
    host: string;
    port?: number;
    user: string;
    password?: string;
    database: string;
  };
  const url = new URL(`postgres://localhost:${port ?? 5432}/${database}`);
  url.username = user;
  if (password) url.password = password;
  url.searchParams.set('host', host);
  return url.href;
}
