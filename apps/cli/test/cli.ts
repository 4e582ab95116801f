/** The `atelier` command as a process, and a directory for what a test gives it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = fileURLToPath(new URL('../../../scripts/run.mjs', import.meta.url));
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Rejects with `code`, `stdout` and `stderr` where the exit code is not 0. */
export const atelier = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(process.execPath, [run, main, ...args]);

/** `at` gives the path of a name in the directory. */
export async function cliDirectory(): Promise<AsyncDisposable & { directory: string; at: (name: string) => string }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'atelier-cli-'));
  return {
    directory,
    at: (name) => path.join(directory, name),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  };
}
