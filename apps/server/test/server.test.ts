import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { startChild } from './support/child-process.ts';
import { atRest, median } from './support/at-rest.ts';
import { allGone, processesOf } from './support/processes.ts';
import { seedCluster } from './support/seed-cluster.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { testServer } from './support/test-server.ts';

const serve = path.join(import.meta.dirname, 'support', 'serve.ts');

let directory: string;
beforeEach(async () => {
  const made = await temporaryDirectory();
  directory = made.path;
  await seedCluster(path.join(directory, 'postgres'));
  return () => made[Symbol.asyncDispose]();
});

type Ready = { url: string; adminKey: string } | { error: string; message: string };
const start = (environment: Record<string, string> = {}) =>
  startChild(serve, {
    ATELIER_DATA: directory,
    ATELIER_PORT: '0',
    ATELIER_GPU: 'off',
    ATELIER_LOG_LEVEL: 'silent',
    ...environment,
  });
const ready = async (child: ReturnType<typeof start>) => (await child.lines.next()).value as Ready;

describe('a server', () => {
  it('needs nothing but a place for its data directory', async () => {
    await using server = await testServer(path.join(directory, 'some', 'new', 'place'));
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  it('is ready when it has started, and leaves no process when it is disposed', async () => {
    {
      await using server = await testServer(directory);
      expect(await (await fetch(`${server.url}/readyz`)).json()).toEqual({
        status: 'ready',
        checks: { server: 'ok', database: 'ok', blobs: 'ok', models: 'ok' },
      });
      expect((await processesOf(directory)).length).toBeGreaterThan(0);
    }
    expect(await processesOf(directory)).toEqual([]);
  });

  it('refuses every route of every API without a key, but for the few that are public', async () => {
    await using server = await testServer(directory);
    const open: string[] = [];
    for (const { method, url } of server.routes) {
      const target = url.replaceAll(/:\w+/g, 'x').replace('*', 'x');
      const answer = await server.inject({ method: method as 'GET', url: target });
      if (answer.statusCode !== 401) open.push(`${method} ${url}`);
    }
    expect(server.routes.length).toBeGreaterThan(50);
    expect(open).toEqual([
      'GET /healthz',
      'GET /readyz',
      'GET /download/:token',
      'HEAD /download/:token',
      'GET /emissary/openapi.json',
      'GET /mistral/openapi.json',
      'GET /openai/openapi.json',
    ]);
  });

  it('tells what its engine does', async () => {
    await using server = await testServer(directory);
    const metrics = (await server.inject({ url: '/metrics', headers: { 'x-api-key': server.adminKey } })).body;
    for (const line of ['atelier_generations_running 0', 'atelier_runners 0', 'atelier_completion_tokens_total 0'])
      expect(metrics).toContain(line);
  });

  it('makes the key of its administrator once, keeps it to its user, and takes it again', async () => {
    const first = await testServer(directory);
    expect([first.adminKeyCreated, first.adminKey]).toEqual([true, expect.stringMatching(/^ak-[\w-]{43}$/)]);
    await first[Symbol.asyncDispose]();
    await using second = await testServer(directory);
    expect([second.adminKeyCreated, second.adminKey]).toEqual([false, first.adminKey]);
    expect((await second.inject({ url: '/metrics', headers: { 'x-api-key': first.adminKey } })).statusCode).toBe(200);
    expect((await readFile(path.join(directory, 'admin-key'), 'utf8')).trim()).toBe(first.adminKey);
  });

  it('writes no file that others can read', async () => {
    await using _server = await testServer(directory);
    const open: string[] = [];
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      const { mode } = await stat(file).catch(() => ({ mode: 0 }));
      if ((mode & 0o077) !== 0) open.push(file);
    }
    expect(open).toEqual([]);
    expect((await stat(directory)).mode & 0o066).toBe(0);
  });

  it('uses the key of the setting instead, and keeps that out of the data directory', async () => {
    await using server = await testServer(directory, { ATELIER_ADMIN_KEY: 'a-key-of-the-operator' });
    expect(server.adminKey).toBe('a-key-of-the-operator');
    expect(
      (await server.inject({ url: '/metrics', headers: { 'x-api-key': 'a-key-of-the-operator' } })).statusCode,
    ).toBe(200);
    expect(await readdir(directory)).not.toContain('admin-key');
  });

  it('refuses a data directory in use, within a second, and says who uses it', async () => {
    await using first = start();
    await ready(first);
    const started = performance.now();
    await expect(testServer(directory)).rejects.toMatchObject({
      code: 'data_directory_in_use',
      details: { directory, pid: String(first.child.pid) },
    });
    expect(atRest(performance.now() - started)).toBeLessThan(1000);
    await using second = start();
    expect(await ready(second)).toMatchObject({
      error: 'data_directory_in_use',
      message: expect.stringContaining(String(first.child.pid)),
    });
    expect(await second.exited).toBe(1);
  });

  it('says which setting is wrong when it cannot listen, and stops all it had started', async () => {
    await using first = await testServer(directory);
    const other = path.join(directory, 'other');
    await seedCluster(path.join(other, 'postgres'));
    await expect(testServer(other, { ATELIER_PORT: new URL(first.url).port })).rejects.toMatchObject({
      code: 'invalid_setting',
      details: { name: 'ATELIER_PORT' },
    });
    await allGone(other, 1000);
  });

  it('stops for SIGTERM with exit code 0 and no process left', async () => {
    await using server = start();
    await ready(server);
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(await processesOf(directory)).toEqual([]);
  });

  it('is ready again within three seconds of a SIGKILL, and leaves no process either', async () => {
    const times: number[] = [];
    for (let round = 0; round < 4; round++) {
      await using server = start();
      const begun = performance.now();
      expect(await ready(server)).toHaveProperty('url');
      if (round > 0) times.push(atRest(performance.now() - begun));
      server.kill('SIGKILL');
      await server.exited;
    }
    expect(median(times)).toBeLessThan(3000);
    await allGone(directory);
  });

  it('uses the database of the setting instead of its own', async () => {
    await using owner = await testServer(directory);
    const url = `postgres://atelier@localhost/postgres?host=${encodeURIComponent(path.join(directory, 'postgres'))}`;
    const other = path.join(directory, 'other');
    await using server = await testServer(other, { DATABASE_URL: url });
    expect((await server.inject('/readyz')).statusCode).toBe(200);
    expect(await readdir(other)).not.toContain('postgres');
    await owner[Symbol.asyncDispose]();
    expect((await server.inject('/readyz')).json()).toMatchObject({ checks: { database: 'failed' } });
  });

  it('does not start on a database that it cannot use, and does not tell its password', async () => {
    const failing = testServer(directory, { DATABASE_URL: 'postgres://someone:xyzzy@127.0.0.1:1/none' });
    await expect(failing).rejects.toMatchObject({
      code: 'database_unusable',
      message: expect.not.stringContaining('xyzzy'),
    });
    await allGone(directory, 1000);
  });
});
