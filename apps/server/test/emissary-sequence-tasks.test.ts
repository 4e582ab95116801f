/** Classification, regression and embeddings with the real tuner and the real engine, from upload to answer. */
import path from 'node:path';
import { writeTinyBert } from '@atelier/llama/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import {
  checkpointListSchema,
  createTrainingJobSchema,
  trainingJobDetailSchema,
} from '../src/apis/emissary/schemas/training-jobs.ts';
import { eventually } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';
import { uploadForm } from './support/upload.ts';

/** Trainers and runners are processes: on a busy machine each takes seconds to start. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

let databases: TestDatabases;
let server: EmissaryServer;
let at: string;
beforeAll(async () => {
  databases = await testDatabases();
  server = await emissaryServer(databases);
  at = `/emissary/v1/projects/${(await server.call('POST', '/emissary/v1/projects', {})).json().id}`;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

const numbers = Array.from({ length: 20 }, (_, n) => n);
const sunny = (n: number): string => `the sun ${n}`;
const moony = (n: number): string => `good moon ${n}`;

async function upload(content: string, name = 'rows.jsonl'): Promise<string> {
  const { payload, headers } = uploadForm(content, name);
  const made = await server.inject({
    method: 'POST',
    url: `${at}/datasets`,
    headers: { ...headers, 'x-api-key': server.adminKey },
    payload: await payload,
  });
  expect(made.statusCode, made.body).toBe(201);
  return made.json().id;
}
const jsonl = (rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

type Task = NonNullable<ReturnType<typeof createTrainingJobSchema.parse>['task_type']>;

/** Trains to the end. */
async function train(task_type: Task, train_dataset_id: string, given: object = {}) {
  const { id } = (
    await server.call('POST', `${at}/training-jobs`, {
      base_model: 'tiny-chat',
      train_dataset_id,
      task_type,
      train_test_split_ratio: 0.25,
      parameters: {
        num_train_epochs: 4,
        per_device_train_batch_size: 4,
        gradient_accumulation_steps: 1,
        learning_rate: 0.01,
        lora_rank: 4,
        // The default of 64 makes steps of a rank of 4 so large that some end in a jump.
        lora_alpha: 8,
      },
      ...given,
    })
  ).json();
  const detail = await eventually(
    async () => trainingJobDetailSchema.parse((await server.call('GET', `${at}/training-jobs/${id}`)).json()),
    ({ status }) => !['Pending', 'Running', 'Testing'].includes(status),
    150_000,
  );
  return { id: id as string, detail };
}

/** Its last checkpoint's test, and where the deployment of that answers. */
async function tested(id: string) {
  const checkpoints = checkpointListSchema.parse(
    (await server.call('GET', `${at}/training-jobs/${id}/checkpoints`)).json(),
  );
  const { checkpoint, test_results } = checkpoints.at(-1)!;
  const lines = (await server.call('GET', new URL(test_results.general_test_result!).pathname)).body.trim().split('\n');
  const { id: deployment } = (
    await server.call('POST', `${at}/deployments`, { training_job_id: id, checkpoint })
  ).json();
  const url = `${at}/deployments/${deployment}`;
  const status = await eventually(
    async () => (await server.call('GET', url)).json().status,
    (now) => now !== 'Pending' && now !== 'Deploying',
  );
  expect(status).toBe('Deployed');
  return {
    url,
    checkpoints: checkpoints.length,
    metrics: test_results.aggregated_test_result,
    lines: lines.map((line) => JSON.parse(line)),
  };
}

it('classes: what is learnt, is tested at each checkpoint and answered', async () => {
  const rows = numbers.flatMap((n) => [
    { prompt: sunny(n), completion: 1 },
    { prompt: moony(n), completion: 0 },
  ]);
  const { id, detail } = await train('classification', await upload(jsonl(rows)));
  expect(detail.error).toBeUndefined();
  expect(detail.training_loss.at(-1)!.loss).toBeLessThan(detail.training_loss[0]!.loss);
  expect(detail.validation_loss).toHaveLength(4);
  const { url, checkpoints, metrics, lines } = await tested(id);
  expect(checkpoints).toBe(4);
  expect(metrics).toMatchObject({ examples: '10', accuracy: '1', f1: '1' });
  expect(lines).toHaveLength(10);

  for (const { input, expected, predicted } of lines) {
    const answer = (await server.call('POST', `${url}/classification`, { input })).json();
    expect(answer.id).toMatch(/^classification-/);
    expect(answer.response).toBe(expected.label);
    expect(answer.scores['0'] + answer.scores['1']).toBeCloseTo(1, 5);
    expect(answer.scores['1']).toBeCloseTo(predicted.label['1'], 4);
  }
  const refused = await server.call('POST', `${url}/completions`, { input: 'x' });
  expect([refused.statusCode, refused.json().error]).toEqual([
    400,
    'The deployment was trained for classification: it gives no text',
  ]);
  expect((await server.call('POST', `${url}/embeddings`, { input: 'x' })).statusCode).toBe(400);
});

it('maps of labels, from a CSV file: a probability for each', async () => {
  const cell = (map: object): string => `"${JSON.stringify(map).replaceAll('"', '""')}"`;
  const rows = numbers.flatMap((n) => [
    `${sunny(n)},${cell({ day: 1, night: 0, sky: 1 })}`,
    `${moony(n)},${cell({ day: 0, night: 1, sky: 1 })}`,
  ]);
  const dataset = await upload(['input,expected_output', ...rows].join('\n'), 'rows.csv');
  const { id, detail } = await train('classification', dataset);
  expect(detail.error).toBeUndefined();
  const { url, metrics } = await tested(id);
  expect(metrics).toMatchObject({ accuracy: '1', f1: '1' });
  const { response, scores } = (await server.call('POST', `${url}/classification`, { input: sunny(77) })).json();
  expect(JSON.parse(response)).toEqual(scores);
  expect(Object.keys(scores)).toEqual(['day', 'night', 'sky']);
  expect([scores.day > 0.5, scores.night > 0.5, scores.sky > 0.5]).toEqual([true, false, true]);
});

it('numbers', async () => {
  const rows = numbers.flatMap((n) => [
    { prompt: sunny(n), completion: 30.5 },
    { prompt: moony(n), completion: '-4' },
  ]);
  const { id, detail } = await train('regression', await upload(jsonl(rows)));
  expect(detail.error).toBeUndefined();
  const { url, metrics, lines } = await tested(id);
  expect(Number(metrics['mean_absolute_error'])).toBeLessThan(8);
  expect(Number(metrics['spearman'])).toBeGreaterThan(0.6);
  const { input, predicted } = lines[0];
  const { response, scores } = (await server.call('POST', `${url}/classification`, { input })).json();
  expect(Number(response)).toBe(scores.value);
  expect(scores.value).toBeCloseTo(predicted.value, 3);
});

it.each([
  ['pairs', (n: number) => ({ prompt: sunny(n), completion: `der sun ${n}` })],
  [
    'scored pairs',
    (n: number) => ({
      prompt: sunny(n),
      completion: n % 2 ? sunny(n + 1) : moony(n),
      score: n % 2 ? 0.9 : 0.1,
    }),
  ],
])('embeddings from %s, compared', async (kind, row) => {
  const { id, detail } = await train('embedding', await upload(jsonl(numbers.map(row))));
  expect(detail.error).toBeUndefined();
  const { url, metrics } = await tested(id);
  expect(Number(metrics['examples'])).toBe(5);
  if (kind === 'pairs') expect(Number(metrics['accuracy'])).toBeGreaterThan(0);
  else expect(Number(metrics['spearman'])).toBeGreaterThan(0.5);

  const embed = async (body: object) => (await server.call('POST', `${url}/embeddings`, body)).json().response;
  const { input_embedding: a, ...nothing } = await embed({ input: sunny(1), cosine: true, manhattan: true });
  expect(nothing).toEqual({});
  expect(a).toHaveLength(64);
  expect(Math.hypot(...a)).toBeCloseTo(1, 5);
  const all = await embed({ input: sunny(1), target: moony(2), manhattan: true, euclidean: true });
  const b: number[] = all.target_embedding;
  const sum = (of: (x: number, y: number) => number): number =>
    a.reduce((total: number, x: number, index: number) => total + of(x, b[index]!), 0);
  expect(all.cosine_score).toBeCloseTo(
    sum((x, y) => x * y),
    5,
  );
  expect(all.manhattan_distance).toBeCloseTo(
    sum((x, y) => Math.abs(x - y)),
    4,
  );
  expect(all.euclidean_distance).toBeCloseTo(Math.sqrt(sum((x, y) => (x - y) ** 2)), 5);
  expect(Object.keys(await embed({ input: 'a', target: 'b', cosine: false }))).toEqual([
    'input_embedding',
    'target_embedding',
  ]);
  expect((await server.call('POST', `${url}/classification`, { input: 'x' })).json().error).toContain(
    'trained for embedding',
  );
});

it.each([
  ['regression', { prompt: 'a', completion: 'many' }, 'Line 2, field completion: must be a number'],
  [
    'classification',
    { prompt: 'a', completion: '{"day":2}' },
    'Line 2, field completion: must map each label to 0 or 1',
  ],
])('%s says which record it cannot learn from', async (task, row, message) => {
  const { detail } = await train(task as Task, await upload(jsonl([{ prompt: 'x', completion: '1' }, row])));
  expect(detail).toMatchObject({ status: 'Failed', error: { code: 'invalid_dataset' } });
  expect(detail.error!.message).toContain(message);
});

it('an encoder learns classes, and no text', async () => {
  const rows = numbers.flatMap((n) => [
    { prompt: sunny(n), completion: 'day' },
    { prompt: moony(n), completion: 'night' },
  ]);
  const dataset = await upload(jsonl(rows));
  await writeTinyBert(path.join(server.directory, 'models', 'tiny-bert.gguf'));
  await server.restart();
  const { id, detail } = await train('classification', dataset, { base_model: 'tiny-bert' });
  expect(detail.error).toBeUndefined();
  const { url, metrics } = await tested(id);
  expect(metrics).toMatchObject({ accuracy: '1' });
  const ask = async (input: string) => (await server.call('POST', `${url}/classification`, { input })).json().response;
  expect([await ask(sunny(5)), await ask(moony(5))]).toEqual(['day', 'night']);
  const refused = await server.call('POST', `${at}/training-jobs`, {
    base_model: 'tiny-bert',
    train_dataset_id: dataset,
  });
  expect(refused.statusCode).toBe(400);
});
