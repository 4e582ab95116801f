/** Reports of training jobs, made through the core, to servers that keep what they get. */
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDatasets } from '../src/core/datasets/datasets.ts';
import { createReporter } from '../src/core/training/reporting/reporter.ts';
import { createTrainingJobs, type NewTrainingJob } from '../src/core/training/training-jobs.ts';
import { createEvents } from '../src/events.ts';
import { createWake } from '../src/jobs/wake.ts';
import { createLoggers } from '../src/logger.ts';
import { openBlobStore } from '../src/storage/blobs/blob-store.ts';
import type { Row } from '../src/storage/database/tables.ts';
import { createSeal } from '../src/storage/sealed.ts';
import { eventually } from './support/emissary-objects.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { testDatabases } from './support/test-databases.ts';
import { mlflowServer, wandbServer, type Fault } from './support/tracking-servers.ts';
import { insertTrainingSurroundings } from './support/training-rows.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const silent = createLoggers('silent');
const identity = { workspaceId: 'ws-1', userId: 'user-1', keyId: 'key-1' };
const apiKey = 'w'.repeat(40);
const project = `ms-${'0'.repeat(24)}`;
const dataset = `ds-${'0'.repeat(24)}`;
const seal = createSeal('of this test');

let stack: AsyncDisposableStack;
let parts: Awaited<ReturnType<typeof prepare>>;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  parts = await prepare();
});
afterEach(() => stack.disposeAsync());

async function prepare() {
  const directory = stack.use(await temporaryDirectory());
  const databases = stack.use(await testDatabases());
  const { database, pool } = stack.use(await databases.fresh());
  await insertTrainingSurroundings(database);
  const owned = { workspace_id: 'ws-1', created_by: 'user-1' };
  await database
    .insertInto('projects')
    .values({ ...owned, id: project, name: 'p' })
    .execute();
  await database
    .insertInto('datasets')
    .values({ ...owned, id: dataset, project_id: project, name: 'data', state: 'ready', records: 10 })
    .execute();
  const mlflow = stack.use(await mlflowServer());
  const wandb = stack.use(await wandbServer());
  const urls = { wandbUrl: wandb.url, mlflowUrl: mlflow.url };
  const events = createEvents(silent.events, new Registry());
  const blobs = await openBlobStore(directory.path, database);
  const datasets = createDatasets({ database, blobs, events, uploadLimit: 1 });
  const wake = stack.use(createWake(pool, silent.jobs));
  const jobs = createTrainingJobs({ database, datasets, wake, seal, reportingUrls: urls });
  const model = await database.selectFrom('models').selectAll().executeTakeFirstOrThrow();
  return {
    database,
    mlflow,
    wandb,
    jobs,
    report: () => createReporter({ database, seal, urls, logger: silent.jobs, pollMs: 20 }),
    create: (integrations: NewTrainingJob['integrations']) =>
      jobs.create(identity, project, {
        api: 'test',
        model,
        method: 'lora',
        train: [{ datasetId: dataset }],
        seed: 7,
        settings: { hyperParameters: { learningRate: 0.01 }, rowsPerStep: 4 },
        apiParameters: {},
        ...(integrations && { integrations }),
      }),
  };
}

async function move(id: string, state: Row<'training_jobs'>['state']): Promise<void> {
  await parts.database
    .updateTable('training_jobs')
    .set({ state, started_at: new Date() })
    .where('id', '=', id)
    .execute();
}

/** Steps `from` to `to`, with a validation at every tenth. */
async function train(id: string, from: number, to: number): Promise<void> {
  const steps = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  await parts.database.transaction().execute(async (transaction) => {
    await transaction
      .insertInto('training_steps')
      .values(
        steps.map((step) => ({
          job_id: id,
          step,
          at: new Date(1_700_000_000_000 + 1000 * step),
          loss: 1 / step,
          learning_rate: 0.01,
          gradient_norm: 2,
          tokens_per_second: 300,
        })),
      )
      .execute();
    const validated = steps.filter((step) => step % 10 === 0);
    if (validated.length > 0)
      await transaction
        .insertInto('training_validations')
        .values(validated.map((step) => ({ job_id: id, step, at: new Date(), loss: 2 / step, token_accuracy: 0.5 })))
        .execute();
  });
}

const reportsOf = (id: string) =>
  parts.database.selectFrom('training_reports').selectAll().where('job_id', '=', id).orderBy('position').execute();
const reported = (id: string) =>
  eventually(
    () => reportsOf(id),
    (rows) => rows.every(({ finished_at }) => finished_at !== null),
    60_000,
  );

const bothPlaces: NewTrainingJob['integrations'] = [
  { kind: 'wandb', project: 'boxes', runName: 'red boxes', apiKey },
  { kind: 'mlflow', experiment: 'colours', token: 'mlflow-token' },
];

function expectAll(steps: number): void {
  const { mlflow, wandb } = parts;
  const every = Array.from({ length: steps }, (_, i) => i + 1);
  const lines = wandb.kept.history.map((line) => JSON.parse(line) as Record<string, number>);
  expect(lines.map(({ _step }) => _step)).toEqual(every);
  expect(lines[9]).toMatchObject({ loss: 0.1, learning_rate: 0.01, gradient_norm: 2, validation_loss: 0.2 });
  const [run] = mlflow.runs;
  expect(mlflow.runs.length).toBe(1);
  expect(run!.metrics.filter(({ key }) => key === 'loss').map(({ step }) => step)).toEqual(every);
  expect(run!.metrics.filter(({ key }) => key === 'validation_loss').map(({ step }) => step)).toEqual(
    every.filter((step) => step % 10 === 0),
  );
}

describe('a report', () => {
  it('tells every step once, and the end', async () => {
    const { id } = await parts.create(bothPlaces);
    await using _reporter = parts.report();
    await move(id, 'running');
    await train(id, 1, 25);
    await eventually(
      () => reportsOf(id),
      (rows) => rows.every(({ step }) => step === 24), // the validation of the latest may still come
    );
    await train(id, 26, 400);
    await move(id, 'succeeded');
    await reported(id);
    expectAll(400);
    const { wandb, mlflow, jobs } = parts;
    expect(wandb.kept).toMatchObject({
      name: id,
      project: 'boxes',
      displayName: 'red boxes',
      finished: { complete: true, exitcode: 0 },
    });
    expect(wandb.kept.config['method']).toEqual({ value: 'lora' });
    expect([...wandb.authorizations]).toEqual([`Basic ${Buffer.from(`api:${apiKey}`).toString('base64')}`]);
    expect(mlflow.runs[0]).toMatchObject({ name: id, status: 'FINISHED' });
    expect(mlflow.runs[0]!.params.get('seed')).toBe('7');
    expect([...mlflow.authorizations]).toEqual(['Bearer mlflow-token']);
    const shown = (await jobs.reports([{ id }])).get(id)!;
    expect(shown.map(({ kind, url, error }) => ({ kind, url, error }))).toEqual([
      { kind: 'wandb', url: `${wandb.url}/team/boxes/runs/${id}`, error: null },
      { kind: 'mlflow', url: `${mlflow.url}/#/experiments/1/runs/run-1`, error: null },
    ]);
  });

  it('goes on where it was after failures of the other side and starts of ours', async () => {
    const { mlflow, wandb } = parts;
    let asked = 0;
    const faults: Fault[] = [
      'unavailable',
      ...Array<Fault>(6).fill('none'),
      'forget-answer',
      ...Array<Fault>(5).fill('none'),
    ];
    mlflow.fault = wandb.fault = () => faults[asked++ % faults.length]!;
    const { id } = await parts.create(bothPlaces);
    await move(id, 'running');
    for (let at = 0; at < 200; at += 50) {
      await using _reporter = parts.report();
      await train(id, at + 1, at + 50);
      const before = mlflow.requests + wandb.requests;
      await eventually(
        async () => mlflow.requests + wandb.requests,
        (requests) => requests > before,
        60_000,
      );
    }
    await move(id, 'cancelled');
    await using _reporter = parts.report();
    await reported(id);
    expectAll(200);
    expect(mlflow.runs[0]!.status).toBe('KILLED');
    expect(wandb.kept.finished).toMatchObject({ exitcode: 1 });
  });

  it('is given up when it is refused, and the job knows nothing of it', async () => {
    const { wandb, jobs } = parts;
    wandb.fault = () => 'refuse';
    const { id } = await parts.create([bothPlaces[0]!]);
    await using _reporter = parts.report();
    await move(id, 'running');
    const [row] = await reported(id);
    expect(row!.error).toBe(`${new URL(wandb.url).host} answered 401`);
    const job = await jobs.get(identity, project, id);
    expect(job).toMatchObject({ state: 'running', error: null });
  });

  it('keeps secrets sealed, and none when it is over', async () => {
    const { database, jobs } = parts;
    const { id } = await parts.create(bothPlaces);
    const [row] = await reportsOf(id);
    expect(JSON.stringify(row)).not.toContain(apiKey);
    expect(row!.secret!.includes(apiKey)).toBe(false);
    expect(seal.open(row!.secret!, `training_reports/${id}/0`)).toBe(apiKey);
    expect(() => seal.open(row!.secret!, `training_reports/${id}/1`)).toThrow();
    expect(() => createSeal('another').open(row!.secret!, `training_reports/${id}/0`)).toThrow();
    expect(JSON.stringify([...(await jobs.reports([{ id }])).values()])).not.toContain(apiKey);
    expect(JSON.stringify(await jobs.get(identity, project, id))).not.toContain(apiKey);
    await database.updateTable('training_jobs').set({ state: 'failed' }).execute();
    await using _reporter = parts.report();
    expect((await reported(id)).map(({ secret }) => secret)).toEqual([null, null]);
  });

  it('is refused where it cannot be', async () => {
    await expect(parts.create([{ kind: 'wandb', project: 'a/b', apiKey }])).rejects.toMatchObject({
      code: 'invalid_request',
    });
    await expect(parts.create([{ kind: 'wandb', project: 'a', apiKey: 'with space' }])).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});
