import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A directory that disappears with the scope that made it. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { file(name: string): string; path: string }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'atelier-llama-'));
  return {
    path: directory,
    file: (name) => path.join(directory, name),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
