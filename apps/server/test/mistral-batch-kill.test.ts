/**
 * A long batch on a server that is killed while it answers: each line is answered once, and the lines are never all in
 * memory. TEST_BATCH_LINES=50000 is what is measured for the record.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ServerProcess, serverProcess } from './support/server-process.ts';

const lines = Number(process.env['TEST_BATCH_LINES'] ?? 2500);
const kills = 2;
const mostGrowth = 100 << 20;

let server: ServerProcess;
beforeAll(async () => {
  // As scripts/run.mjs starts it.
  server = await serverProcess('serve-instant.ts', { NODE_OPTIONS: '--max-semi-space-size=16' });
}, 120_000);
afterAll(() => server[Symbol.asyncDispose]());

async function call<T>(method: string, route: string, body?: object): Promise<T> {
  return (await server.call(method, `/mistral/v1${route}`, body)).json() as Promise<T>;
}

type Job = { id: string; status: string; output_file: string | null; completed_requests: number };

async function upload(count: number): Promise<string> {
  const form = new FormData();
  const input = Array.from({ length: count }, (_, id) =>
    JSON.stringify({ custom_id: String(id), body: { input: `Line ${id} of a batch that is long.` } }),
  );
  form.set('file', new Blob([input.join('\n')]), 'lines.jsonl');
  form.set('purpose', 'batch');
  return (await call<{ id: string }>('POST', '/files', form)).id;
}

/** Kills the server `killed` times on the way. @returns the custom_ids of the answers */
async function answer(file: string, count: number, killed = 0): Promise<string[]> {
  const asked = { input_files: [file], endpoint: '/v1/embeddings', model: 'mistral-embed' };
  let job = await call<Job>('POST', '/batch/jobs', asked);
  for (let done = 0; ['QUEUED', 'RUNNING'].includes(job.status); await sleep(50)) {
    job = await call<Job>('GET', `/batch/jobs/${job.id}`);
    if (done < killed && job.completed_requests >= ((done + 1) * count) / (killed + 2)) {
      done++;
      await server.kill();
    }
  }
  expect(job).toMatchObject({ status: 'SUCCESS', succeeded_requests: count, error_file: null });
  const output = await (await server.call('GET', `/mistral/v1/files/${job.output_file}/content`)).text();
  const answers = output.trimEnd().split('\n');
  return answers.map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
}

it(`answers ${lines} lines once each though it is killed ${kills} times`, { timeout: 600_000 }, async () => {
  const ids = await answer(await upload(lines), lines, kills);
  expect(ids).toEqual(Array.from({ length: lines }, (_, id) => String(id)));
});

it(`answers ${lines} lines in little memory`, { timeout: 600_000 }, async () => {
  const few = Math.ceil(lines / 5);
  await answer(await upload(few), few); // code is compiled, pools are filled
  const file = await upload(lines);
  const before = await server.resident('now');
  await server.forgetPeak();
  expect(await answer(file, lines)).toHaveLength(lines);
  const growth = (await server.resident('peak')) - before;
  if (process.env['TEST_BATCH_LINES'])
    console.log(`grew by ${(growth / (1 << 20)).toFixed(1)} MiB from ${(before / (1 << 20)).toFixed(1)}`);
  expect(growth).toBeLessThan(mostGrowth);
});
