import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A directory that disposing removes. */
export async function temporaryDirectory(): Promise<{ path: (name: string) => string } & AsyncDisposable> {
  const directory = await mkdtemp(path.join(tmpdir(), 'atelier-convert-'));
  return {
    path: (name) => path.join(directory, name),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  };
}
