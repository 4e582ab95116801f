/** What is asked of fine-tuning jobs that no worker touches: what is taken and refused, lists, and what a run would come to. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dryRunSchema, jobDetailSchema, jobListSchema, jobSchema } from '../src/apis/mistral/schemas/fine-tuning.ts';
import { stranger } from './support/emissary-server.ts';
import { type MistralServer, mistralServer } from './support/mistral-server.ts';

vi.setConfig({ testTimeout: 120_000 });

const at = '/mistral/v1/fine_tuning/jobs';
const never = '00000000-0000-4000-8000-000000000000';

let mistral: MistralServer;
let train: string;
let batch: string;
beforeAll(async () => {
  mistral = await mistralServer({ ATELIER_TRAINING_JOBS: '0', ATELIER_MODEL_ALIASES: 'open-mistral-7b=tiny-long' });
  train = await upload('train.jsonl', conversations(10));
  batch = await upload('requests.jsonl', '{"custom_id":"0","body":{}}\n', 'batch');
}, 120_000);
afterAll(() => mistral[Symbol.asyncDispose]());

const conversations = (count: number) =>
  Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      messages: [
        { role: 'user', content: `Item ${n}?` },
        { role: 'assistant', content: 'It is red.' },
      ],
    }),
  ).join('\n');

async function upload(fileName: string, text: string, purpose: 'fine-tune' | 'batch' = 'fine-tune'): Promise<string> {
  const file = { fileName, content: new Blob([text]) };
  return (await mistral.client.files.upload({ file, purpose })).id;
}

let seq = 100;
/** Each job asks for something else, unless it says what. */
const request = (given: object = {}) => ({
  model: 'tiny-long',
  training_files: [train],
  hyperparameters: { seq_len: seq++ },
  ...given,
});
async function create(given: object = {}): Promise<string> {
  const { status, body } = await mistral.post(at, request(given));
  expect({ status, body }).toMatchObject({ status: 200 });
  return jobSchema.parse(body).id;
}
const get = async (path: string, key = mistral.server.adminKey): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(`${mistral.server.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, body: await response.json() };
};
const list = async (query: Record<string, string>) => {
  const { status, body } = await get(`${at}?${new URLSearchParams(query)}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return jobListSchema.parse(body);
};
const empty = () =>
  mistral.server.database.deleteFrom('training_jobs').where('workspace_id', '!=', stranger.workspace).execute();

describe('a job', () => {
  it('has the published hyper-parameters, given or by default', async () => {
    const given = { training_steps: 7, learning_rate: 0.02, weight_decay: 0.3, warmup_fraction: 0.2, fim_ratio: 0.25 };
    const id = await create({ hyperparameters: { ...given, epochs: 0.5, seq_len: 256 } });
    expect((await get(`${at}/${id}`)).body).toMatchObject({
      hyperparameters: { ...given, epochs: null, seq_len: 256 },
      status: 'QUEUED',
      auto_start: false,
      integrations: [],
      repositories: [],
      fine_tuned_model: null,
      trained_tokens: null,
      metadata: null,
      checkpoints: [],
      events: [{ name: 'status-updated', data: { status: 'QUEUED' } }],
    });
    const plain = await create({ model: 'starter', hyperparameters: {}, auto_start: true });
    const job = jobDetailSchema.parse((await get(`${at}/${plain}`)).body);
    expect(job).toMatchObject({
      auto_start: true,
      hyperparameters: {
        training_steps: null,
        learning_rate: 1e-4,
        weight_decay: 0.1,
        warmup_fraction: 0.05,
        epochs: 3,
        seq_len: 1024,
        fim_ratio: 0.9,
      },
    });
    const { hyper_parameters } = await mistral.server.database
      .selectFrom('training_jobs')
      .select('hyper_parameters')
      .where('uuid', '=', id)
      .executeTakeFirstOrThrow();
    expect(hyper_parameters).toMatchObject({
      hyperParameters: {
        steps: 7,
        learningRate: 0.02,
        weightDecay: 0.3,
        warmupFraction: 0.2,
        maxSequenceTokens: 256,
        schedule: 'cosine',
        checkpointFraction: 0.1,
      },
      holeShare: 0.25,
    });
  });

  it('is made by the official client from hosted names, with weights of files and targets of a classifier', async () => {
    const labels = await upload(
      'labels.jsonl',
      '{"text":"a","labels":{"mood":"good"}}\n{"text":"b","labels":{"mood":"bad"}}',
    );
    const job = await mistral.client.fineTuning.jobs.create({
      model: 'open-mistral-7b',
      jobType: 'classifier',
      trainingFiles: [{ fileId: labels, weight: 2.5 }],
      hyperparameters: { epochs: 2.5 },
      classifierTargets: [{ name: 'mood', labels: ['good', 'bad'], weight: 0.5, lossFunction: 'multi_class' }],
    });
    expect(job).toMatchObject({ jobType: 'classifier', model: 'tiny-long', hyperparameters: { epochs: 2.5 } });
    const { id } = job as { id: string };
    expect(await mistral.client.fineTuning.jobs.get({ jobId: id })).toMatchObject({
      jobType: 'classifier',
      classifierTargets: [{ name: 'mood', labels: ['good', 'bad'], weight: 0.5, lossFunction: 'multi_class' }],
    });
    const rows = await mistral.server.database
      .selectFrom('training_job_datasets as d')
      .innerJoin('training_jobs as j', 'j.id', 'd.job_id')
      .select('d.weight')
      .where('j.uuid', '=', id)
      .execute();
    expect(rows).toEqual([{ weight: 2.5 }]);
  });

  it('like one that has not ended is refused, however many ask at once', async () => {
    const hyperparameters = { seq_len: 999 };
    const answers = await Promise.all([1, 2, 3].map(() => mistral.post(at, request({ hyperparameters }))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    await create({ hyperparameters, training_files: [{ file_id: train, weight: 2 }] });
    await create({ hyperparameters: { ...hyperparameters, learning_rate: 0.5 } });
    const { id } = answers.find(({ status }) => status === 200)!.body as { id: string };
    expect(await mistral.client.fineTuning.jobs.cancel({ jobId: id })).toMatchObject({ status: 'CANCELLED' });
    await create({ hyperparameters });
    await expect(mistral.client.fineTuning.jobs.start({ jobId: id })).rejects.toMatchObject({ statusCode: 409 });
  });

  it.each<[string, object, number, RegExp]>([
    ['no file', { training_files: [] }, 400, /training_files/],
    ['a file that is not there', { training_files: [never] }, 404, /File/],
    ['an unknown model', { model: 'nothing' }, 400, /nothing/],
    ['an unknown field', { temperature: 1 }, 422, /./],
    ['an unknown hyper-parameter', { hyperparameters: { rank: 1 } }, 422, /./],
    ['a long suffix', { suffix: 'a'.repeat(19) }, 422, /./],
    ['a suffix that no path holds', { suffix: 'a/b' }, 422, /./],
    ['a learning rate above 1', { hyperparameters: { learning_rate: 2 } }, 422, /./],
    ['a short seq_len', { hyperparameters: { seq_len: 99 } }, 422, /./],
    ['a seq_len beyond the model', { hyperparameters: { seq_len: 9000 } }, 400, /8192/],
    ['a weight of 0', { training_files: [{ file_id: train, weight: 0 }] }, 422, /./],
    ['too many bad lines', { invalid_sample_skip_percentage: 0.6 }, 422, /./],
    [
      'targets without weight',
      { job_type: 'classifier', classifier_targets: [{ name: 'a', labels: ['x', 'y'], weight: 0 }] },
      400,
      /classifier_targets/,
    ],
    [
      'targets of a completion job',
      { job_type: 'completion', classifier_targets: [{ name: 'a', labels: ['x'] }] },
      400,
      /classifier/,
    ],
    ['a repository', { repositories: [{ name: 'r', owner: 'o', token: 't' }] }, 400, /fetches no repositories/],
  ])('with %s is refused', async (_, given, status, message) => {
    const answer = await mistral.post(at, request(given));
    expect(answer).toMatchObject({ status, body: { object: 'error' } });
    expect(JSON.stringify((answer.body as { message: unknown }).message)).toMatch(message);
  });

  it('reports to Weights & Biases, is found by that, and never shows the key', async () => {
    const api_key = 'secret'.padEnd(40, 'k');
    const wandb = (given: object) => ({ integrations: [{ type: 'wandb', project: 'desk', api_key, ...given }] });
    const first = await create(wandb({ name: 'first' }));
    const second = await create(wandb({ run_name: 'second' }));
    const third = await create(wandb({ project: 'other' }));
    const shown = { type: 'wandb', project: 'desk', name: 'first', run_name: 'first', url: null };
    const { body } = await get(`${at}/${first}`);
    expect(body).toMatchObject({ integrations: [shown] });
    expect(JSON.stringify(body)).not.toContain('secret');
    const found = async (query: Record<string, string>) => (await list(query)).data.map(({ id }) => id);
    expect(await found({ wandb_project: 'desk' })).toEqual([second, first]);
    expect(await found({ wandb_name: 'second' })).toEqual([second]);
    expect(await found({ wandb_project: 'other', wandb_name: 'first' })).toEqual([]);
    const byClient = await mistral.client.fineTuning.jobs.list({ wandbProject: 'other' });
    expect(byClient.data).toMatchObject([{ id: third, integrations: [{ project: 'other', name: null }] }]);
    const short = request({ integrations: [{ project: 'p', api_key: 'short' }] });
    expect((await mistral.post(at, short)).status).toBe(422);
    expect((await mistral.post(at, request(wandb({ project: 'a/b' })))).status).toBe(400);
  });

  it('with a file of another purpose, or of another workspace, is refused', async () => {
    expect(await mistral.post(at, request({ training_files: [batch] }))).toMatchObject({ status: 400 });
    expect(await mistral.post(at, request(), stranger.key)).toMatchObject({ status: 404 });
    const id = await create();
    for (const path of [`${at}/${id}`, `${at}/${never}`, `${at}/x`])
      expect((await get(path, stranger.key)).status).toBe(404);
  });
});

describe('a dry run', () => {
  it('says what a run would come to, and makes no job', async () => {
    await empty();
    const dry = async (given: object) => {
      const { status, body } = await mistral.post(`${at}?dry_run=true`, request(given));
      expect(status).toBe(200);
      return dryRunSchema.parse(body);
    };
    const twice = await dry({ hyperparameters: { epochs: 2 } });
    const once = await dry({ hyperparameters: { epochs: 1 } });
    expect(once.data_tokens).toBeGreaterThan(10 * 'It is red.'.length);
    expect(twice.data_tokens).toBe(once.data_tokens);
    expect(twice.train_tokens).toBe(2 * once.train_tokens!);
    // Ten rows, eight in a step.
    expect(twice).toMatchObject({ training_steps: 4, epochs: 2, cost: null, object: 'job.metadata', deprecated: true });
    expect(twice.expected_duration_seconds).toBeGreaterThan(0);
    expect(await dry({ hyperparameters: { training_steps: 3 } })).toMatchObject({ training_steps: 3, epochs: 1.5 });
    expect((await list({})).total).toBe(0);
    const byClient = await mistral.client.fineTuning.jobs.create({
      model: 'tiny-long',
      trainingFiles: [{ fileId: train }],
      hyperparameters: { trainingSteps: 3 },
    });
    expect(byClient).toMatchObject({ jobType: 'completion' });
  });

  it('refuses what validation would', async () => {
    const bad = await upload('bad.jsonl', `${conversations(3)}\nnot JSON`);
    const body = request({ training_files: [bad] });
    expect(await mistral.post(`${at}?dry_run=true`, body)).toMatchObject({
      status: 400,
      body: { message: expect.stringMatching(/^Line 4.*1 of 4 rows are bad/) },
    });
    const allowed = await mistral.post(`${at}?dry_run=true`, { ...body, invalid_sample_skip_percentage: 0.25 });
    expect(allowed.status).toBe(200);
  });
});

describe('the list', () => {
  const rows: { id: string; status: string; model: string; suffix: string; mine: boolean }[] = [];
  const states = {
    QUEUED: { state: 'queued' },
    VALIDATING: { state: 'validating' },
    VALIDATED: { state: 'validated', auto_start: false },
    STARTED: { state: 'validated', auto_start: true },
    RUNNING: { state: 'evaluating' },
    FAILED_VALIDATION: { state: 'failed' },
    FAILED: { state: 'failed' },
    SUCCESS: { state: 'succeeded' },
    CANCELLED: { state: 'cancelled' },
    CANCELLATION_REQUESTED: { state: 'cancelling' },
  } as const;

  beforeAll(async () => {
    await empty();
    await mistral.server.database
      .insertInto('users')
      .values({ id: 'user-colleague', workspace_id: 'ws-default', name: 'colleague' })
      .execute();
    let n = 0;
    for (const [status, change] of Object.entries(states)) {
      for (const model of ['tiny-long', 'starter']) {
        const row = { status, model, suffix: n % 3 ? 'even' : 'odd', mine: n % 4 > 0 };
        const id = await create({ model, suffix: row.suffix });
        if (status === 'FAILED')
          await mistral.server.database
            .updateTable('training_jobs')
            .set({ state: 'validated' })
            .where('uuid', '=', id)
            .execute();
        await mistral.server.database
          .updateTable('training_jobs')
          .set({ ...change, ...(!row.mine && { created_by: 'user-colleague' }) })
          .where('uuid', '=', id)
          .execute();
        rows.unshift({ id, ...row });
        n++;
      }
    }
  });

  it('gives, in pages and newest first, what every filter lets through', async () => {
    const filter = fc.record(
      {
        status: fc.constantFrom(...Object.keys(states)),
        model: fc.constantFrom('tiny-long', 'open-mistral-7b', 'starter', 'nothing'),
        suffix: fc.constantFrom('even', 'odd', 'none'),
        created_by_me: fc.constantFrom('true', 'false'),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(filter, fc.integer({ min: 1, max: 7 }), async (query, size) => {
        const model = query.model === 'open-mistral-7b' ? 'tiny-long' : query.model;
        const wanted = rows.filter(
          (row) =>
            (query.status === undefined || row.status === query.status) &&
            (model === undefined || row.model === model) &&
            (query.suffix === undefined || row.suffix === query.suffix) &&
            (query.created_by_me !== 'true' || row.mine),
        );
        const found: string[] = [];
        for (let page = 0; found.length < wanted.length || page === 0; page++) {
          const { data, total } = await list({ ...query, page: String(page), page_size: String(size) });
          expect(total).toBe(wanted.length);
          expect(data.length).toBeLessThanOrEqual(size);
          if (data.length === 0) break;
          found.push(...data.map(({ id }) => id));
        }
        expect(found).toEqual(wanted.map(({ id }) => id));
      }),
      { numRuns: 30 },
    );
  });

  it('is cut by time, by the official client too', async () => {
    const middle = rows[7]!.id;
    const { created_at } = await mistral.server.database
      .selectFrom('training_jobs')
      .select('created_at')
      .where('uuid', '=', middle)
      .executeTakeFirstOrThrow();
    const after = await mistral.client.fineTuning.jobs.list({ createdAfter: created_at });
    const before = await mistral.client.fineTuning.jobs.list({
      createdBefore: new Date(created_at.getTime() - 1),
      pageSize: 1,
    });
    expect(after.total + before.total).toBe(rows.length);
    expect(after.total).toBeGreaterThan(0);
  });
});

it('docs/reference/mistral.md lists the operations that are served', async () => {
  const { paths } = (await mistral.server.call('GET', '/mistral/openapi.json')).json<{
    paths: Record<string, Record<string, { tags: string[] }>>;
  }>();
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { tags }]) => ({
      name: `${method.toUpperCase()} ${path.replace('/mistral', '')}`,
      tag: tags[0]!,
    })),
  );
  const page = await readFile(new URL('../../../docs/reference/mistral.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| `([A-Z]+ [^`?]+)/gm)].map(([, name]) => name);
  expect(operations.map(({ name }) => name)).toEqual(expect.arrayContaining(listed));
  const told = new Set(['models', 'files', 'fine-tuning', 'chat', 'fim', 'batch', 'ocr']);
  expect(listed).toEqual(expect.arrayContaining(operations.flatMap(({ name, tag }) => (told.has(tag) ? [name] : []))));
});
