/** What a worker finds when it takes up a job, or a server its deployments, where others left them. */
import { access, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Environment } from '../src/config/environment.ts';
import { emissaryObjects, endWithCheckpoint, eventually, uploadRows } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';

/** Trainers and runners are processes: on a busy machine each takes seconds to start. */
vi.setConfig({ testTimeout: 180_000 });

let databases: TestDatabases;
let server: EmissaryServer;
beforeAll(async () => {
  databases = await testDatabases();
});
afterEach(() => server[Symbol.asyncDispose]());
afterAll(() => databases[Symbol.asyncDispose]());

const noWorker: Environment = { ATELIER_TRAINING_JOBS: '0' };

async function newProject(): Promise<{ at: string; dataset: string }> {
  const project: string = (await server.call('POST', '/emissary/v1/projects', {})).json().id;
  return { at: `/emissary/v1/projects/${project}`, dataset: await uploadRows(server, project) };
}
async function newJob({ at, dataset }: { at: string; dataset: string }, given: object = {}): Promise<string> {
  const body = { base_model: 'tiny-chat', train_dataset_id: dataset, ...given };
  return (await server.call('POST', `${at}/training-jobs`, body)).json().id;
}
const row = (id: string) =>
  server.database.selectFrom('training_jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
const stepsOf = (id: string) =>
  server.database.selectFrom('training_steps').select('step').where('job_id', '=', id).orderBy('step').execute();
const ended = (id: string) =>
  eventually(
    () => row(id),
    ({ finished_at }) => finished_at !== null,
    120_000,
  );
const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

describe('a training job', () => {
  it('goes on after its server was stopped, from the step it had come to', async () => {
    server = await emissaryServer(databases);
    const project = await newProject();
    const id = await newJob(project, {
      parameters: { num_train_epochs: 40, per_device_train_batch_size: 3, gradient_accumulation_steps: 1 },
    });
    await eventually(
      () => stepsOf(id),
      (steps) => steps.length > 5,
    );
    await server.stop();
    const left = await row(id);
    expect(left).toMatchObject({ state: 'running', lease_owner: null, failures: 0 });
    expect(await exists(path.join(server.directory, 'runs', id))).toBe(true);
    await server.restart();
    const done = await ended(id);
    expect(done).toMatchObject({ state: 'succeeded', progress: 1, attempt: 2, failures: 0 });
    const every = Array.from({ length: done.total_steps! }, (_, i) => i + 1);
    expect((await stepsOf(id)).map(({ step }) => step)).toEqual(every);
  });

  it('is tested where its tests had come to', async () => {
    server = await emissaryServer(databases, noWorker);
    const project = await newProject();
    const id = await newJob(project, { test_dataset_id: project.dataset });
    await endWithCheckpoint(server, id);
    const first = await server.database
      .selectFrom('checkpoints')
      .selectAll()
      .where('job_id', '=', id)
      .executeTakeFirstOrThrow();
    await server.database
      .insertInto('checkpoints')
      .values({ job_id: id, number: 2, step: 6, adapter_blob: first.adapter_blob })
      .execute();
    await server.database
      .updateTable('training_jobs')
      .set({ state: 'evaluating', finished_at: null })
      .where('id', '=', id)
      .execute();
    await server.restart({});
    expect(await ended(id)).toMatchObject({ state: 'succeeded' });
    const checkpoints = await server.database
      .selectFrom('checkpoints')
      .selectAll()
      .where('job_id', '=', id)
      .orderBy('number')
      .execute();
    expect(checkpoints[0]).toEqual(first);
    expect(checkpoints[1]).toMatchObject({ metrics: { examples: 3 }, test_result_blob: expect.any(String) });
  });

  it('that was being cancelled is cancelled, and one that was being saved succeeds', async () => {
    server = await emissaryServer(databases, noWorker);
    const project = await newProject();
    const [cancelled, saved] = [await newJob(project), await newJob(project)];
    await server.database
      .updateTable('training_jobs')
      .set({ state: 'cancelling' })
      .where('id', '=', cancelled)
      .execute();
    await server.database.updateTable('training_jobs').set({ state: 'saving' }).where('id', '=', saved).execute();
    for (const id of [cancelled, saved]) await mkdir(path.join(server.directory, 'runs', id), { recursive: true });
    await server.restart({});
    expect(await ended(cancelled)).toMatchObject({ state: 'cancelled' });
    expect(await ended(saved)).toMatchObject({ state: 'succeeded', progress: 1 });
    for (const id of [cancelled, saved]) expect(await exists(path.join(server.directory, 'runs', id))).toBe(false);
  });

  it('that takes longer than it may ends as timed out', async () => {
    server = await emissaryServer(databases, { ATELIER_TRAINING_SECONDS: '2' });
    const project = await newProject();
    const id = await newJob(project, { parameters: { num_train_epochs: 10_000 } });
    expect(await ended(id)).toMatchObject({ state: 'timed_out', error: null });
    expect((await server.call('GET', `${project.at}/training-jobs/${id}`)).json().status).toBe('TimedOut');
    expect(await exists(path.join(server.directory, 'runs', id))).toBe(false);
  });

  it('has used up its time also while its server was away, and keeps its checkpoints', async () => {
    server = await emissaryServer(databases);
    const project = await newProject();
    const id = await newJob(project, { parameters: { num_train_epochs: 10_000 } });
    const checkpoints = async () => (await server.call('GET', `${project.at}/training-jobs/${id}/checkpoints`)).json();
    await eventually(checkpoints, ({ length }) => length > 0);
    await server.stop();
    const longAgo = new Date(Date.now() - 100_000_000);
    await server.database.updateTable('training_jobs').set({ started_at: longAgo }).where('id', '=', id).execute();
    await server.restart();
    expect(await ended(id)).toMatchObject({ state: 'timed_out' });
    expect((await checkpoints()).length).toBeGreaterThan(0);
  });

  it('leaves no run directory behind, also when its server was killed before it tidied up', async () => {
    server = await emissaryServer(databases, noWorker);
    const project = await newProject();
    const [over, active] = [await newJob(project), await newJob(project)];
    await server.call('POST', `${project.at}/training-jobs/${over}/cancel`);
    for (const id of [over, active, 'tr-gone'])
      await mkdir(path.join(server.directory, 'runs', id), { recursive: true });
    await server.restart();
    const left = await Promise.all(
      [over, active, 'tr-gone'].map((id) => exists(path.join(server.directory, 'runs', id))),
    );
    expect(left).toEqual([false, true, false]);
  });
});

describe('a deployment', () => {
  it('answers again after a restart, also when it was being brought up', async () => {
    server = await emissaryServer(databases, noWorker);
    const { project, deployment } = await emissaryObjects(server);
    const url = `/emissary/v1/projects/${project}/deployments/${deployment}`;
    const deployed = () =>
      eventually(
        async () => (await server.call('GET', url)).json().status,
        (status) => status === 'Deployed',
      );
    const ask = async () =>
      (await server.call('POST', `${url}/completions`, { input: 'Hello', max_new_tokens: 6 })).json().response;
    await deployed();
    const before = await ask();
    await server.restart();
    expect(await ask()).toBe(before);
    await server.database.updateTable('deployments').set({ state: 'deploying' }).where('id', '=', deployment).execute();
    await server.restart();
    await deployed();
    expect(await ask()).toBe(before);
  });

  it('whose file is damaged meanwhile fails at the next start', async () => {
    server = await emissaryServer(databases, noWorker);
    const { project, deployment } = await emissaryObjects(server);
    const url = `/emissary/v1/projects/${project}/deployments/${deployment}`;
    await eventually(
      async () => (await server.call('GET', url)).json().status,
      (status) => status === 'Deployed',
    );
    const { sha256 } = await server.blobs.put(
      (async function* () {
        yield Buffer.from('GGUFno');
      })(),
    );
    await server.database.updateTable('checkpoints').set({ adapter_blob: sha256 }).execute();
    await server.restart();
    const failed = await eventually(
      async () => (await server.call('GET', url)).json(),
      ({ status }) => status !== 'Deployed',
    );
    expect(failed).toMatchObject({ status: 'Failed', error: { code: 'invalid_model_file' } });
  });
});
