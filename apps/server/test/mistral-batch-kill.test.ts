/**
 * A long batch on a server that is killed while it answers: each line is answered once, and the lines are never all in
 * memory. TEST_BATCH_LINES=50000 is what is measured for the record.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestChild, startChild } from './support/child-process.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const lines = Number(process.env['TEST_BATCH_LINES'] ?? 2500);
const kills = 2;
const mostGrowth = 100 << 20;

const stack = new AsyncDisposableStack();
let directory: string;
let server: TestChild;
let base: string;
let key: string;

async function start(): Promise<void> {
  server = startChild(path.join(import.meta.dirname, 'support/serve-instant.ts'), {
    ATELIER_DATA: directory,
    ATELIER_PORT: '0',
    ATELIER_GPU: 'off',
    ATELIER_LOG_LEVEL: 'silent',
  });
  const { value } = (await server.lines.next()) as IteratorResult<{ url: string; adminKey: string }>;
  base = `${value.url}/mistral/v1`;
  key = value.adminKey;
}

beforeAll(async () => {
  directory = stack.use(await temporaryDirectory()).path;
  await start();
}, 120_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await stack.disposeAsync();
});

async function call(url: string, body?: object | FormData): Promise<Response> {
  const json = body !== undefined && !(body instanceof FormData);
  const response = await fetch(base + url, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${key}`, ...(json && { 'content-type': 'application/json' }) },
    ...(body && { body: json ? JSON.stringify(body) : (body as FormData) }),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response;
}

type Job = {
  id: string;
  status: string;
  output_file: string | null;
  error_file: string | null;
  completed_requests: number;
  succeeded_requests: number;
};
const read = async (id: string): Promise<Job> => (await (await call(`/batch/jobs/${id}`)).json()) as Job;

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${server.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

async function answer(count: number, killed: number): Promise<{ ids: string[]; growth: number }> {
  const form = new FormData();
  const input = Array.from({ length: count }, (_, id) =>
    JSON.stringify({ custom_id: String(id), body: { input: `Line ${id} of a batch that is long.` } }),
  );
  form.set('file', new Blob([input.join('\n')]), `lines-${count}-${killed}.jsonl`);
  form.set('purpose', 'batch');
  const { id: file } = (await (await call('/files', form)).json()) as { id: string };
  const made = await call('/batch/jobs', { input_files: [file], endpoint: '/v1/embeddings', model: 'mistral-embed' });
  const { id } = (await made.json()) as Job;
  const before = await residentBytes();
  let growth = 0;
  let job = await read(id);
  for (let done = 0; ['QUEUED', 'RUNNING'].includes(job.status); job = await read(id)) {
    if (done < killed && job.completed_requests >= ((done + 1) * count) / (killed + 2)) {
      done++;
      server.kill('SIGKILL');
      await server.exited;
      await start();
    }
    growth = Math.max(growth, (await residentBytes()) - before);
    await sleep(50);
  }
  expect(job).toMatchObject({ status: 'SUCCESS', succeeded_requests: count, error_file: null });
  const output = await (await call(`/files/${job.output_file}/content`)).text();
  const ids = output
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
  return { ids, growth };
}

it(`answers ${lines} lines once each though it is killed ${kills} times`, { timeout: 600_000 }, async () => {
  const { ids } = await answer(lines, kills);
  expect(ids).toEqual(Array.from({ length: lines }, (_, id) => String(id)));
});

it(`answers ${lines} lines in little memory`, { timeout: 600_000 }, async () => {
  await answer(300, 0);
  const { ids, growth } = await answer(lines, 0);
  expect(ids).toHaveLength(lines);
  if (process.env['TEST_BATCH_LINES']) console.log(`grew by ${(growth / (1 << 20)).toFixed(1)} MiB`);
  expect(growth).toBeLessThan(mostGrowth);
});
