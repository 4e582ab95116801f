import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { prepareDataDirectory } from '../../src/storage/data-directory.ts';

/** A directory of its own that is removed with all that is in it. Other users may pass: PostgreSQL runs as one below root. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { path: string }> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'atelier-test-'));
  await prepareDataDirectory(directory);
  return {
    path: directory,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  };
}
