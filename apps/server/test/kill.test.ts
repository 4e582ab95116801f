/**
 * SIGKILL of server, runner and trainer at random moments while a job trains, a deployment answers and objects are made:
 * what was acknowledged is there, the job ends with the bytes of an undisturbed one, and nothing is left running.
 */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeTinyModel } from '@atelier/llama/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chatTemplate } from './support/chat-template.ts';
import { allGone, processesOf } from './support/processes.ts';
import { persistently, type ServerProcess, serverProcess } from './support/server-process.ts';

const kills = Number(process.env['TEST_KILLS'] ?? 20);
/** A job gives up after five failures of its trainer, and killing one is a failure. */
const mostTrainerKills = 4;

let server: ServerProcess;
beforeAll(async () => {
  server = await serverProcess('serve.ts', {}, async (directory) => {
    await mkdir(path.join(directory, 'models'));
    await writeTinyModel(path.join(directory, 'models', 'tiny.gguf'), { dim: 32, ff: 64, chatTemplate });
  });
}, 120_000);
afterAll(() => server[Symbol.asyncDispose]());

async function call<T>(method: string, route: string, body?: object): Promise<T> {
  return (await server.call(method, `/emissary/v1${route}`, body)).json() as Promise<T>;
}

type Job = { id: string; status: string; error?: string };
type Checkpoint = { checkpoint: number; model_download_url: string };

async function ended(at: string, id: string): Promise<Job> {
  for (;;) {
    const job = await persistently(() => call<Job>('GET', `${at}/training-jobs/${id}`));
    if (!['Pending', 'Running', 'Testing'].includes(job.status)) return job;
    await sleep(100);
  }
}

async function result(at: string, id: string): Promise<Buffer> {
  const checkpoints = await call<Checkpoint[]>('GET', `${at}/training-jobs/${id}/checkpoints`);
  return Buffer.from(await (await fetch(checkpoints.at(-1)!.model_download_url)).arrayBuffer());
}

/** Process ids of the server's runners or trainers. */
async function children(kind: 'runner' | 'trainer'): Promise<number[]> {
  const entry = kind === 'trainer' ? 'tuner/src/main.ts' : 'runner/main.ts';
  const found = (await processesOf('/'))
    .filter((line) => line.includes(entry))
    .map((line) => Number(line.split(':')[0]));
  const parents = await Promise.all(found.map((pid) => readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')));
  return found.filter((_, i) => parents[i]!.includes(`PPid:\t${server.pid()}\n`));
}

it(`loses nothing to ${kills} kills`, { timeout: 240_000 }, async () => {
  const { id: project } = await call<{ id: string }>('POST', '/projects', { name: 'first' });
  const at = `/projects/${project}`;
  const form = new FormData();
  const rows = Array.from({ length: 24 }, (_, i) =>
    JSON.stringify({ prompt: `Item ${i}?`, completion: `It is ${i % 5}.` }),
  );
  form.set('file', new Blob([rows.join('\n')]), 'rows.jsonl');
  const { id: dataset } = await call<{ id: string }>('POST', `${at}/datasets`, form);
  const create = async (): Promise<string> =>
    (
      await persistently(() =>
        call<Job>('POST', `${at}/training-jobs`, {
          base_model: 'tiny',
          train_dataset_id: dataset,
          parameters: {
            num_train_epochs: 40,
            per_device_train_batch_size: 8,
            gradient_accumulation_steps: 1,
            learning_rate: 0.003,
          },
        }),
      )
    ).id;
  const undisturbed = await create();
  expect((await ended(at, undisturbed)).status).toBe('Success');
  const reference = await result(at, undisturbed);
  const deployment = (
    await call<{ id: string }>('POST', `${at}/deployments`, { training_job_id: undisturbed, checkpoint: 40 })
  ).id;
  const answer = (): Promise<{ response: string }> =>
    call('POST', `${at}/deployments/${deployment}/completions`, { input: 'Item 3?', max_new_tokens: 8 });
  const expected = await persistently(answer);

  const acknowledged = [project];
  let job = await create();
  let trainerKills = 0;
  const plan = fc.sample(
    fc.record({
      victim: fc.constantFrom('server', 'server', 'server', 'runner', 'trainer'),
      ms: fc.integer({ min: 0, max: 900 }),
    }),
    {
      seed: 7,
      numRuns: kills,
    },
  );
  for (const { victim, ms } of plan) {
    const making = persistently(() => call<{ id: string }>('POST', '/projects', { name: 'made' }));
    await sleep(ms);
    const own = victim === 'server' ? [] : await children(victim);
    if (victim === 'trainer' && trainerKills < mostTrainerKills && own[0] !== undefined) {
      trainerKills++;
      process.kill(own[0], 'SIGKILL');
    } else if (victim === 'runner' && own[0] !== undefined) {
      process.kill(own[0], 'SIGKILL');
    } else {
      await server.kill();
    }
    acknowledged.push((await making).id);
    expect(await persistently(answer)).toMatchObject({ response: expected.response });
    const { status } = await persistently(() => call<Job>('GET', `${at}/training-jobs/${job}`));
    if (status === 'Success') {
      expect((await result(at, job)).equals(reference)).toBe(true);
      job = await create();
      trainerKills = 0;
    }
  }
  expect(await ended(at, job)).toMatchObject({ status: 'Success' });
  expect((await result(at, job)).equals(reference)).toBe(true);
  const projects = (await call<{ id: string }[]>('GET', '/projects')).map(({ id }) => id);
  expect(acknowledged.filter((id) => !projects.includes(id))).toEqual([]);
  expect(await server.stop()).toBe(0);
  await allGone(server.directory);
});
