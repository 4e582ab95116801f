/** A server as a process of its own on a data directory that outlives it: for tests that kill it, or measure its memory. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type TestChild } from './child-process.ts';
import { seedCluster } from './seed-cluster.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export type ServerProcess = Awaited<ReturnType<typeof serverProcess>>;

/**
 * `entry` is a file of this folder that starts one. `prepare` gets the data directory before the first start.
 * Everything asked of it goes to the process of the latest start.
 */
export async function serverProcess(
  entry: 'serve.ts' | 'serve-instant.ts',
  environment: Record<string, string> = {},
  prepare: (directory: string) => Promise<void> = async () => {},
) {
  await using stack = new AsyncDisposableStack();
  const { path: directory } = stack.use(await temporaryDirectory());
  await seedCluster(path.join(directory, 'postgres'));
  await prepare(directory);
  let child: TestChild;
  let ready: { url: string; adminKey: string };
  async function start(): Promise<void> {
    child = startChild(path.join(import.meta.dirname, entry), {
      ATELIER_DATA: directory,
      ATELIER_PORT: '0',
      ATELIER_GPU: 'off',
      ATELIER_THREADS: '1',
      ATELIER_LOG_LEVEL: 'silent',
      ...environment,
    });
    ready = (await child.lines.next()).value as typeof ready;
  }
  await start();
  stack.defer(() => child[Symbol.asyncDispose]());
  const opened = stack.move();
  return {
    directory,
    url: () => ready.url,
    key: () => ready.adminKey,
    pid: () => child.child.pid!,
    /** SIGKILL, and another one in its place. */
    async kill(): Promise<void> {
      await child[Symbol.asyncDispose]();
      await start();
    },
    /** SIGTERM. @returns the exit code */
    async stop(): Promise<number | null> {
      child.kill('SIGTERM');
      return child.exited;
    },
    /** @throws unless the answer is a good one */
    async call(method: string, route: string, body?: object): Promise<Response> {
      const json = body !== undefined && !(body instanceof FormData);
      const response = await fetch(ready.url + route, {
        method,
        headers: { 'x-api-key': ready.adminKey, ...(json && { 'content-type': 'application/json' }) },
        ...(body && { body: json ? JSON.stringify(body) : (body as FormData) }),
      });
      if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
      return response;
    },
    /** Resident memory in bytes: now, or the most since `forgetPeak`. */
    async resident(which: 'now' | 'peak'): Promise<number> {
      const status = await readFile(`/proc/${child.child.pid}/status`, 'utf8');
      return Number(new RegExp(`${which === 'now' ? 'VmRSS' : 'VmHWM'}:\\s+(\\d+) kB`).exec(status)![1]) * 1024;
    },
    forgetPeak: () => writeFile(`/proc/${child.child.pid}/clear_refs`, '5'),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Tries again while the server, or a process of its own, is away. */
export async function persistently<T>(request: () => Promise<T>, limitMs = 60_000): Promise<T> {
  for (const deadline = Date.now() + limitMs; ; await sleep(50)) {
    try {
      return await request();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
