/** Training jobs and deployments without a worker: what requests may say, what is refused, what is in use. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import {
  deploymentDetailSchema,
  deploymentListSchema,
  deploymentSummarySchema,
} from '../src/apis/emissary/schemas/deployments.ts';
import {
  checkpointListSchema,
  trainingJobDetailSchema,
  trainingJobListSchema,
  trainingJobSummarySchema,
} from '../src/apis/emissary/schemas/training-jobs.ts';
import { emissaryObjects, endWithCheckpoint, eventually, uploadRows } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';

let databases: TestDatabases;
let server: EmissaryServer;
let project: string;
let dataset: string;
let at: string;
beforeAll(async () => {
  databases = await testDatabases();
  server = await emissaryServer(databases, { ATELIER_TRAINING_JOBS: '0' });
  project = (await server.call('POST', '/emissary/v1/projects', {})).json().id;
  at = `/emissary/v1/projects/${project}`;
  dataset = await uploadRows(server, project);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

function expectShape<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.parse(body);
  expect(body).toEqual(parsed);
  return parsed;
}
const createJob = (given: object = {}) =>
  server.call('POST', `${at}/training-jobs`, { base_model: 'tiny-chat', train_dataset_id: dataset, ...given });
const newJob = async (given: object = {}): Promise<string> => (await createJob(given)).json().id;

describe('a training job', () => {
  it('is made from little, and shows the parameters in force', async () => {
    const made = await createJob();
    expect(made.statusCode).toBe(201);
    const summary = expectShape(trainingJobSummarySchema, made.json());
    expect(summary).toMatchObject({
      base_model: 'tiny-chat',
      status: 'Pending',
      progress: 0,
      created_by: 'user-admin',
    });
    const detail = expectShape(
      trainingJobDetailSchema,
      (await server.call('GET', `${at}/training-jobs/${summary.id}`)).json(),
    );
    expect(detail).toMatchObject({
      ...summary,
      train_dataset: { id: dataset },
      training_loss: [],
      validation_loss: [],
    });
    expect(detail.hyper_parameters).toMatchObject({ num_train_epochs: 5, lora_rank: 32, method: 'lora', seed: 0 });
    expect(expectShape(trainingJobListSchema, (await server.call('GET', `${at}/training-jobs`)).json())).toContainEqual(
      summary,
    );
    expect(
      expectShape(
        checkpointListSchema,
        (await server.call('GET', `${at}/training-jobs/${summary.id}/checkpoints`)).json(),
      ),
    ).toEqual([]);
  });

  it('is made from everything that the published form has', async () => {
    const made = await createJob({
      name: 'n',
      description: 'd',
      task_type: 'text-generation',
      test_dataset_id: dataset,
      quantization: 'int8',
      lora_configs: { rank: 8, lora_alpha: 16, lora_dropout: 0 },
      parameters: { learning_rate: 0.001, lora_rank: 8 },
    });
    expect(made.statusCode).toBe(201);
    const detail = expectShape(
      trainingJobDetailSchema,
      (await server.call('GET', `${at}/training-jobs/${made.json().id}`)).json(),
    );
    expect(detail).toMatchObject({
      name: 'n',
      description: 'd',
      test_dataset: { id: dataset },
      hyper_parameters: { quantization: 'int8', lora_rank: 8, lora_alpha: 16, lora_dropout: 0, learning_rate: 0.001 },
    });
  });

  it.each<[object, number, string | RegExp]>([
    [{ parameters: { epochs: 3, steps: 4 } }, 400, 'Unknown parameters: epochs, steps'],
    [{ parameters: { optim: 'galore' } }, 400, /^parameters\.optim: .*adamw_torch/],
    [{ parameters: { num_train_epochs: true } }, 400, /^body\.parameters\.num_train_epochs: /],
    [{ task_type: 'poetry' }, 400, /^body\.task_type: /],
    [{ quantization: 'int2' }, 400, /^body\.quantization: /],
    [{ quantization: 'int4', parameters: { quantization: 'int8' } }, 400, /different values of quantization/],
    [{ base_model: 'HF_MODEL', hf_model_link: 'https://example.com/m' }, 400, /huggingface/],
    [{ hf_model_link: 'https://example.com/m' }, 400, /Hub/],
    [{ lora_configs: { rank: 0 } }, 400, /^body\.lora_configs\.rank: /],
    [{ lora_configs: { rank: 4 }, parameters: { lora_rank: 8 } }, 400, /different values of lora_rank/],
    [{ train_test_split_ratio: 1 }, 400, /^body\.train_test_split_ratio: /],
    [{ train_test_split_ratio: 0 }, 400, /^body\.train_test_split_ratio: /],
    [{ train_test_split_ratio: 0.5, test_dataset_id: `ds-${'0'.repeat(24)}` }, 400, /not both/],
    [{ train_dataset_id: undefined }, 400, /^body\.train_dataset_id: /],
    [{ colour: 'red' }, 400, 'body: unknown field colour'],
    [{ base_model: 'nothing' }, 404, 'Base model not found'],
    [{ train_dataset_id: 'ds-1' }, 404, 'Dataset not found'],
    [{ test_dataset_id: 'ds-1' }, 404, 'Dataset not found'],
  ])('with %j is refused with %i, saying why', async (given, status, error) => {
    const refused = await createJob(given);
    expect(refused.statusCode).toBe(status);
    expect(refused.json()).toMatchObject({
      status,
      error: typeof error === 'string' ? error : expect.stringMatching(error),
    });
    if (status === 404) expect(refused.json().code).toBe('object_not_found');
  });

  it('is cancelled before it began, twice without an error, and not once it has ended in another way', async () => {
    const id = await newJob();
    for (let i = 0; i < 2; i++)
      expect((await server.call('POST', `${at}/training-jobs/${id}/cancel`)).statusCode).toBe(204);
    expect((await server.call('GET', `${at}/training-jobs/${id}`)).json().status).toBe('Cancelled');
    await server.database.updateTable('training_jobs').set({ state: 'succeeded' }).where('id', '=', id).execute();
    const late = await server.call('POST', `${at}/training-jobs/${id}/cancel`);
    expect([late.statusCode, late.json()]).toEqual([
      400,
      { status: 400, error: 'The training job has already ended (succeeded)', code: 'conflict' },
    ]);
  });

  it('under test shows Testing, and Running in lists', async () => {
    const id = await newJob();
    await server.database
      .updateTable('training_jobs')
      .set({ state: 'evaluating', progress: 0.914 })
      .where('id', '=', id)
      .execute();
    expect((await server.call('GET', `${at}/training-jobs/${id}`)).json()).toMatchObject({
      status: 'Testing',
      progress: 91,
    });
    const listed: { id: string; status: string }[] = (await server.call('GET', `${at}/training-jobs`)).json();
    expect(listed.find((job) => job.id === id)).toMatchObject({ status: 'Running', progress: 91 });
    await server.database
      .updateTable('training_jobs')
      .set({
        state: 'failed',
        error: JSON.stringify({ code: 'training_failed', details: {}, message: 'Training failed: because' }),
      })
      .where('id', '=', id)
      .execute();
    expect((await server.call('GET', `${at}/training-jobs/${id}`)).json()).toMatchObject({
      status: 'Failed',
      error: { code: 'training_failed', message: 'Training failed: because' },
    });
  });

  it('lists losses at every logging_steps-th step, the first and the latest', async () => {
    const id = await newJob({ parameters: { logging_steps: 4 } });
    const rows = Array.from({ length: 10 }, (_, i) => ({
      job_id: id,
      step: i + 1,
      at: new Date(1000 * i),
      loss: 10 - i,
      learning_rate: 0.1,
      gradient_norm: 1,
      tokens_per_second: 100,
    }));
    await server.database.insertInto('training_steps').values(rows).execute();
    const { training_loss } = (await server.call('GET', `${at}/training-jobs/${id}`)).json();
    expect(training_loss.map(({ step, loss }: { step: number; loss: number }) => [step, loss])).toEqual([
      [1, 10],
      [4, 7],
      [8, 3],
      [10, 1],
    ]);
  });

  it('is deleted when it has ended and nothing uses it', async () => {
    const id = await newJob();
    const active = await server.call('DELETE', `${at}/training-jobs/${id}`);
    expect([active.statusCode, active.json().code]).toEqual([400, 'conflict']);
    await server.call('POST', `${at}/training-jobs/${id}/cancel`);
    expect((await server.call('DELETE', `${at}/training-jobs/${id}`)).statusCode).toBe(204);
    expect((await server.call('GET', `${at}/training-jobs/${id}`)).statusCode).toBe(404);
  });

  it('keeps the dataset it names from being deleted, and an active one its project', async () => {
    const other = (await server.call('POST', '/emissary/v1/projects', {})).json().id;
    const rows = await uploadRows(server, other);
    const { id } = (
      await server.call('POST', `/emissary/v1/projects/${other}/training-jobs`, {
        base_model: 'tiny-raw',
        train_dataset_id: rows,
      })
    ).json();
    expect((await server.call('DELETE', `/emissary/v1/projects/${other}/datasets/${rows}`)).json()).toMatchObject({
      status: 400,
      code: 'conflict',
    });
    expect((await server.call('DELETE', `/emissary/v1/projects/${other}`)).json()).toMatchObject({
      status: 400,
      code: 'conflict',
    });
    await server.call('POST', `/emissary/v1/projects/${other}/training-jobs/${id}/cancel`);
    expect((await server.call('DELETE', `/emissary/v1/projects/${other}`)).statusCode).toBe(204);
  });
});

describe('a checkpoint', () => {
  it('is listed with its results as strings and links that need no key', async () => {
    const id = await newJob();
    await endWithCheckpoint(server, id);
    const [checkpoint] = expectShape(
      checkpointListSchema,
      (await server.call('GET', `${at}/training-jobs/${id}/checkpoints`)).json(),
    );
    expect(checkpoint).toMatchObject({
      checkpoint: 1,
      test_results: { aggregated_test_result: { exact_match: '0.5000', examples: '2' } },
    });
    const file = await server.inject(new URL(checkpoint!.model_download_url).pathname);
    expect([file.statusCode, file.rawPayload.subarray(0, 4).toString()]).toEqual([200, 'GGUF']);
    expect(file.headers['content-disposition']).toContain(`${id}-checkpoint-1.gguf`);
  });
});

describe('a deployment', () => {
  const deployed = (url: string) =>
    eventually(
      async () => (await server.call('GET', url)).json(),
      ({ status }) => status !== 'Pending' && status !== 'Deploying',
    );

  it.each(['tiny-chat', 'tiny-raw'])('of %s comes up, answers, is cancelled and deleted', async (model) => {
    const objects = await emissaryObjects(server, model);
    const inProject = `/emissary/v1/projects/${objects.project}`;
    const url = `${inProject}/deployments/${objects.deployment}`;
    const detail = expectShape(deploymentDetailSchema, await deployed(url));
    expect(detail).toMatchObject({ status: 'Deployed', base_model: model, training_id: objects.job, checkpoint: 1 });
    expect(
      expectShape(deploymentListSchema, (await server.call('GET', `${inProject}/deployments`)).json()),
    ).toHaveLength(1);

    const answer = await server.call('POST', `${url}/completions`, { input: 'Question', max_new_tokens: 3 });
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { id: expect.stringMatching(/^completion-/), response: expect.any(String) },
    ]);
    const chat = await server.call('POST', `${url}/chat/completions`, {
      messages: [{ role: 'user', content: 'Hello' }],
      max_new_tokens: 3,
    });
    expect([model, chat.statusCode]).toEqual([model, model === 'tiny-chat' ? 200 : 400]);

    expect((await server.call('DELETE', `${inProject}/training-jobs/${objects.job}`)).json()).toMatchObject({
      status: 400,
      code: 'conflict',
    });
    expect((await server.call('DELETE', inProject)).json()).toMatchObject({ status: 400, code: 'conflict' });
    for (let i = 0; i < 2; i++) expect((await server.call('POST', `${url}/cancel`)).statusCode).toBe(204);
    expect((await server.call('GET', url)).json().status).toBe('Cancelled');
    expect((await server.call('POST', `${url}/completions`, { input: 'x' })).json()).toMatchObject({
      status: 400,
      error: 'The deployment is not deployed (cancelled)',
    });
    expect((await server.call('DELETE', url)).statusCode).toBe(204);
    expect((await server.call('POST', `${url}/completions`, { input: 'x' })).json()).toEqual({
      status: 404,
      error: 'Deployment not found',
      code: 'object_not_found',
    });
  });

  it('gives the same answer when it does not sample, whatever stands beside that, and other ones when it does', async () => {
    const objects = await emissaryObjects(server);
    const url = `/emissary/v1/projects/${objects.project}/deployments/${objects.deployment}`;
    await deployed(url);
    const ask = async (fields: object) =>
      (await server.call('POST', `${url}/completions`, { input: 'Question', max_new_tokens: 12, ...fields })).json()
        .response as string;
    const greedy = await ask({});
    expect(await ask({ do_sample: false, temperature: 5, top_p: 0.9 })).toBe(greedy);
    const sampled = new Set([
      await ask({ do_sample: true, temperature: 3 }),
      await ask({ temperature: 3 }),
      await ask({ temperature: 3, top_k: 50 }),
    ]);
    expect(sampled.size).toBeGreaterThan(1);
    expect(await ask({ do_sample: true, top_k: 1 })).toBe(greedy);
  });

  it('streams pieces, a last one with its reason, and an end mark', async () => {
    const objects = await emissaryObjects(server);
    const url = `/emissary/v1/projects/${objects.project}/deployments/${objects.deployment}`;
    await deployed(url);
    const request = { messages: [{ role: 'user', content: 'Hello' }], max_new_tokens: 6 };
    const whole = (await server.call('POST', `${url}/chat/completions`, request)).json().response;
    const streamed = await server.call('POST', `${url}/chat/completions`, { ...request, streaming: true });
    expect([streamed.statusCode, streamed.headers['content-type']]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const frames = streamed.body
      .split('\n\n')
      .slice(0, -1)
      .map((frame) => frame.replace(/^data: /, ''));
    expect(frames.at(-1)).toBe('[DONE]');
    const chunks = frames.slice(0, -1).map((frame) => JSON.parse(frame));
    expect(chunks.map(({ response }) => response).join('')).toBe(whole);
    expect(chunks.at(-1)).toEqual({
      id: chunks[0].id,
      response: '',
      finish_reason: expect.stringMatching(/^(stop|length)$/),
    });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  it('refuses, before a stream begins, what the model cannot take, with a status of its own', async () => {
    const objects = await emissaryObjects(server);
    const url = `/emissary/v1/projects/${objects.project}/deployments/${objects.deployment}`;
    await deployed(url);
    const long = await server.call('POST', `${url}/chat/completions`, {
      messages: [{ role: 'user', content: 'x '.repeat(2000) }],
      streaming: true,
    });
    expect([long.statusCode, long.json().code]).toEqual([400, 'context_overflow']);
  });

  it('that generates text refuses embeddings and classification', async () => {
    const objects = await emissaryObjects(server);
    const url = `/emissary/v1/projects/${objects.project}/deployments/${objects.deployment}`;
    for (const kind of ['embeddings', 'classification']) {
      const refused = await server.call('POST', `${url}/${kind}`, { input: 'x' });
      expect([refused.statusCode, refused.json()]).toEqual([
        400,
        {
          status: 400,
          error: `The deployment was trained for generation: it gives no ${kind}`,
          code: 'invalid_request',
        },
      ]);
    }
  });

  it('needs a checkpoint that is there, and a server type that is', async () => {
    const id = await newJob();
    await endWithCheckpoint(server, id);
    const create = (given: object) =>
      server.call('POST', `${at}/deployments`, { training_job_id: id, checkpoint: 1, ...given });
    expect((await create({ checkpoint: 2 })).json()).toEqual({
      status: 404,
      error: 'Checkpoint not found',
      code: 'object_not_found',
    });
    expect((await create({ checkpoint: 0 })).statusCode).toBe(400);
    expect((await create({ server_type: 'serverless' })).json()).toMatchObject({
      status: 400,
      error: expect.stringContaining('serverless'),
    });
    const made = await create({ name: 'n', description: 'd', server_type: 'on-demand' });
    expect(made.statusCode).toBe(201);
    expectShape(deploymentSummarySchema, made.json());
    expect(await deployed(`${at}/deployments/${made.json().id}`)).toMatchObject({
      name: 'n',
      description: 'd',
      status: 'Deployed',
    });
  });

  it('of a damaged file fails and says why', async () => {
    const id = await newJob();
    const { sha256 } = await server.blobs.put(
      (async function* () {
        yield Buffer.from('GGUFno');
      })(),
    );
    await server.database
      .insertInto('checkpoints')
      .values({ job_id: id, number: 1, step: 1, adapter_blob: sha256 })
      .execute();
    const { id: deployment } = (
      await server.call('POST', `${at}/deployments`, { training_job_id: id, checkpoint: 1 })
    ).json();
    const failed = await deployed(`${at}/deployments/${deployment}`);
    expect(failed).toMatchObject({ status: 'Failed', error: { code: 'invalid_model_file' } });
    expect((await server.call('POST', `${at}/deployments/${deployment}/cancel`)).statusCode).toBe(400);
  });
});
