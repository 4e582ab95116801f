import path from 'node:path';
import { Registry } from 'prom-client';
import { createAccess } from '../../src/core/access/access.ts';
import { createDownloadLinks } from '../../src/core/access/download-links.ts';
import { createEvents } from '../../src/events.ts';
import { type AppParts, createApp } from '../../src/http/app.ts';
import { createLoggers } from '../../src/logger.ts';
import { openBlobStore } from '../../src/storage/blobs/blob-store.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import type { TestDatabases } from './test-databases.ts';

export const adminKey = 'ak-the-administrators-key';
export type TestApp = Awaited<ReturnType<typeof testApp>>;

/** The real app on a real database and disk, not listening; its log lines are kept. */
export async function testApp(databases: TestDatabases, given: Partial<AppParts> = {}) {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory());
  const { database, pool } = stack.use(await databases.fresh());
  const logLines: string[] = [];
  const loggers = createLoggers('trace', { write: (line) => void logLines.push(line) });
  const registry = new Registry();
  const events = createEvents(loggers.events, registry);
  const access = createAccess(database);
  await access.ensureAdministrator(adminKey);
  const blobs = await openBlobStore(path.join(directory.path, 'blobs'), database);
  const links = createDownloadLinks({ secret: 'link secret', lifeSeconds: 60, baseUrl: () => 'http://atelier.test' });
  const app = await createApp({
    access,
    blobs,
    links,
    events,
    registry,
    logger: loggers.http,
    checks: {},
    apis: [],
    uploadLimit: 1 << 20,
    hardStop: new AbortController().signal,
    ...given,
  });
  stack.defer(() => app.close());
  const opened = stack.move();
  return { app, access, blobs, links, database, pool, logLines, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
