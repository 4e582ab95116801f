/** The main job, with the real tuner and the real engine: a file goes in, a fine-tuned model answers. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { checkpointListSchema, trainingJobDetailSchema } from '../src/apis/emissary/schemas/training-jobs.ts';
import { eventually } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { processesOf } from './support/processes.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';
import { uploadForm } from './support/upload.ts';

/** Trainers and runners are processes: on a busy machine each takes seconds to start. */
vi.setConfig({ testTimeout: 180_000 });

let databases: TestDatabases;
let server: EmissaryServer;
let at: string;
let dataset: string;
beforeAll(async () => {
  databases = await testDatabases();
  server = await emissaryServer(databases);
  at = `/emissary/v1/projects/${(await server.call('POST', '/emissary/v1/projects', {})).json().id}`;
  const rows = Array.from({ length: 24 }, (_, n) =>
    JSON.stringify({ prompt: `Item ${n}?`, completion: 'It is red.' }),
  ).join('\n');
  const { payload, headers } = uploadForm(rows, 'rows.jsonl');
  dataset = (
    await server.inject({
      method: 'POST',
      url: `${at}/datasets`,
      headers: { ...headers, 'x-api-key': server.adminKey },
      payload: await payload,
    })
  ).json().id;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

type Detail = ReturnType<typeof trainingJobDetailSchema.parse>;
const detail = async (id: string): Promise<Detail> =>
  trainingJobDetailSchema.parse((await server.call('GET', `${at}/training-jobs/${id}`)).json());
const create = async (given: object): Promise<string> =>
  (
    await server.call('POST', `${at}/training-jobs`, { base_model: 'tiny-chat', train_dataset_id: dataset, ...given })
  ).json().id;
const over = (id: string) =>
  eventually(
    () => detail(id),
    ({ status }) => !['Pending', 'Running', 'Testing'].includes(status),
    150_000,
  );
const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

/** Long enough to be caught while it runs. */
const long = {
  parameters: {
    num_train_epochs: 5000,
    per_device_train_batch_size: 1,
    gradient_accumulation_steps: 1,
    learning_rate: 0.001,
  },
};

describe('a training job', () => {
  it.each([
    ['lora', 3],
    ['qlora', 3],
    ['dora', 2],
    ['full', 2],
  ] as const)(
    'by %s trains, tests its %i checkpoints, and leaves models that answer what they learnt',
    async (method, epochs) => {
      const id = await create({
        train_test_split_ratio: 0.25,
        parameters: {
          method,
          num_train_epochs: epochs,
          per_device_train_batch_size: 2,
          gradient_accumulation_steps: 1,
          learning_rate: 0.01,
          logging_steps: 1,
        },
      });
      const done = await over(id);
      expect(done.error).toBeUndefined();
      expect(done).toMatchObject({ status: 'Success', progress: 100 });
      expect(done.training_loss.length).toBe(done.total_steps);
      expect(done.training_loss.map(({ step }) => step)).toEqual(
        Array.from({ length: done.total_steps! }, (_, i) => i + 1),
      );
      expect(done.training_loss.at(-1)!.loss).toBeLessThan(done.training_loss[0]!.loss / 2);
      expect(done.validation_loss).toHaveLength(epochs);
      expect(done.samples).toHaveLength(2 * epochs);
      expect(done.samples.at(-1)).toMatchObject({ step: done.total_steps, text: expect.any(String) });

      const checkpoints = checkpointListSchema.parse(
        (await server.call('GET', `${at}/training-jobs/${id}/checkpoints`)).json(),
      );
      expect(checkpoints.map(({ checkpoint }) => checkpoint)).toEqual(epochs === 3 ? [1, 2, 3] : [1, 2]);
      const last = checkpoints.at(-1)!;
      expect(last.test_results.aggregated_test_result).toEqual({
        examples: '6',
        exact_match: '1',
        f1: '1',
        train_loss: expect.stringMatching(/^0\.\d{4}$/),
        validation_loss: expect.stringMatching(/^0\.\d{4}$/),
        token_accuracy: expect.any(String),
        perplexity: expect.stringMatching(/^1(\.\d{4})?$/),
      });
      const results = (await server.inject(new URL(last.test_results.general_test_result!).pathname)).body
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(results).toHaveLength(6);
      for (const row of results)
        expect(row).toEqual({
          input: expect.stringMatching(/^Item \d+\?$/),
          expected: 'It is red.',
          predicted: 'It is red.',
          exact_match: 1,
          f1: 1,
        });
      expect(await exists(path.join(server.directory, 'runs', id))).toBe(false);

      const { id: deployment } = (
        await server.call('POST', `${at}/deployments`, { training_job_id: id, checkpoint: epochs })
      ).json();
      const url = `${at}/deployments/${deployment}`;
      expect(
        await eventually(
          async () => (await server.call('GET', url)).json().status,
          (status) => status !== 'Pending' && status !== 'Deploying',
        ),
      ).toBe('Deployed');
      expect((await server.call('POST', `${url}/completions`, { input: 'Item 99?' })).json().response).toBe(
        'It is red.',
      );
    },
  );

  it('shows steps within a second while it runs, and stops when it is cancelled', async () => {
    const id = await create(long);
    const running = await eventually(
      () => detail(id),
      ({ training_loss, seconds_left }) => training_loss.length > 0 && seconds_left !== undefined,
      60_000,
    );
    expect(running).toMatchObject({ status: 'Running' });
    const delays: number[] = [];
    for (let seen = 0; delays.length < 9;) {
      const { step, timestamp } = (await detail(id)).training_loss.at(-1)!;
      if (step > seen) delays.push(Date.now() / 1000 - timestamp);
      seen = step;
    }
    expect(delays.sort((a, b) => a - b)[4]).toBeLessThan(1);
    expect((await server.call('DELETE', `${at}/training-jobs/${id}`)).statusCode).toBe(400);
    expect((await server.call('POST', `${at}/training-jobs/${id}/cancel`)).statusCode).toBe(204);
    await eventually(
      () => server.database.selectFrom('training_jobs').select('state').where('id', '=', id).executeTakeFirstOrThrow(),
      ({ state }) => state === 'cancelled',
      60_000,
    );
    expect((await detail(id)).status).toBe('Cancelled');
    expect(await processesOf(path.join(server.directory, 'runs', id))).toEqual([]);
    expect(await exists(path.join(server.directory, 'runs', id))).toBe(false);
    expect((await server.call('DELETE', `${at}/training-jobs/${id}`)).statusCode).toBe(204);
  });

  it('goes on after its trainer was killed', async () => {
    const id = await create({
      parameters: { num_train_epochs: 30, per_device_train_batch_size: 4, learning_rate: 0.001, logging_steps: 1 },
    });
    await eventually(
      () => detail(id),
      ({ training_loss }) => training_loss.length > 10,
      60_000,
    );
    const [trainer] = await processesOf(path.join(server.directory, 'runs', id));
    process.kill(Number(trainer!.split(':')[0]), 'SIGKILL');
    const done = await over(id);
    expect(done).toMatchObject({ status: 'Success' });
    expect(done.training_loss).toHaveLength(done.total_steps!);
    const row = await server.database
      .selectFrom('training_jobs')
      .select(['attempt', 'failures'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    expect(row).toEqual({ attempt: 2, failures: 1 });
  });

  it('that cannot learn from its data fails and says why', async () => {
    const { payload, headers } = uploadForm(
      '{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}',
      'rows.jsonl',
    );
    const made = await server.inject({
      method: 'POST',
      url: `${at}/datasets`,
      headers: { ...headers, 'x-api-key': server.adminKey },
      payload: await payload,
    });
    const id = await create({ base_model: 'tiny-raw', train_dataset_id: made.json().id });
    const failed = await over(id);
    expect(failed).toMatchObject({
      status: 'Failed',
      error: { code: 'invalid_request', message: expect.stringContaining('no chat template') },
    });
  });
});
