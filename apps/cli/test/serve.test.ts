import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const run = fileURLToPath(new URL('../../../scripts/run.mjs', import.meta.url));
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let data: string;
beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'atelier-cli-'));
});
afterEach(() => rm(data, { recursive: true, force: true, maxRetries: 5 }));

/** The command as `npm start` runs it, and its standard output line by line. */
function atelier(
  environment: Record<string, string>,
  ...args: string[]
): { child: ChildProcess; line: () => Promise<string> } {
  const child = spawn(process.execPath, [run, main, ...args], {
    env: { ...process.env, ATELIER_DATA: data, ATELIER_PORT: '0', ATELIER_LOG_LEVEL: 'silent', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => (await lines.next()).value as string };
}

const exitCode = async (child: ChildProcess): Promise<number> => child.exitCode ?? (await once(child, 'exit'))[0];

it('serves, shows the key once, keeps it to itself on disk, and stops on SIGTERM', async () => {
  const first = atelier({}, 'serve');
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(await first.line())![0];
  const key = (await first.line()).split(' ').at(-1)!;
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect((await fetch(`${url}/v1/projects`)).status).toBe(401);
  expect((await fetch(`${url}/v1/projects`, { headers: { 'x-api-key': key } })).status).toBe(200);
  expect((await stat(path.join(data, 'admin-key'))).mode & 0o777).toBe(0o600);
  first.child.kill('SIGTERM');
  expect(await exitCode(first.child)).toBe(0);

  const second = atelier({}, 'serve');
  expect(await second.line()).toContain('listens on');
  second.child.kill('SIGTERM');
  expect(await second.line()).toBeUndefined();
  expect(await exitCode(second.child)).toBe(0);
});

it.each([
  ['a host for others without a key', { ATELIER_HOST: '0.0.0.0' }, 'ATELIER_HOST'],
  ['a port that is none', { ATELIER_PORT: 'many' }, 'ATELIER_PORT'],
])('refuses %s, naming the setting', async (_, environment, name) => {
  const { child } = atelier(environment, 'serve');
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  expect(await exitCode(child)).toBe(1);
  expect(errors).toContain(name);
  expect(errors).not.toContain('    at ');
});

it('says what it can do', async () => {
  const { child, line } = atelier({}, '--help');
  expect(await line()).toContain('atelier');
  expect(await exitCode(child)).toBe(0);
});
