import { Mistral } from 'mistralai-1';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stranger } from './support/emissary-server.ts';
import { eventually } from './support/emissary-objects.ts';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';

const settings = { ATELIER_TRAINING_JOBS: '0' };
let it_: MistralServer;
beforeAll(async () => {
  it_ = await mistralServer(settings);
}, 120_000);
afterAll(() => it_[Symbol.asyncDispose]());

const model = 'tiny-chat';
const endpoint = '/v1/chat/completions' as const;
const line = (id: number, given: object = {}) =>
  JSON.stringify({
    custom_id: String(id),
    body: { messages: [{ role: 'user', content: `Question ${id}` }], max_tokens: 2, temperature: 0, ...given },
  });

let uploads = 0;
async function upload(lines: readonly string[]): Promise<string> {
  const content = new Blob([`${lines.join('\n')}\n`]);
  const file = { fileName: `requests-${uploads++}.jsonl`, content };
  return (await it_.client.files.upload({ file, purpose: 'batch' })).id;
}
const ended = (jobId: string) =>
  eventually(
    () => it_.client.batch.jobs.get({ jobId }),
    ({ completedAt }) => typeof completedAt === 'number',
    120_000,
  );
type AnswerLine = { custom_id: string | null; response: { status_code: number; body: object } };
async function linesOf(fileId: string): Promise<AnswerLine[]> {
  const text = await new Response(await it_.client.files.download({ fileId })).text();
  return text
    .trimEnd()
    .split('\n')
    .map((each) => JSON.parse(each) as AnswerLine);
}

describe('a batch', () => {
  it('answers each line once, in order, and counts what went wrong', async () => {
    const lines = Array.from({ length: 20 }, (_, id) => line(id));
    lines[3] = line(3, { temperature: 9 });
    lines[5] = 'no JSON';
    lines[7] = JSON.stringify({ custom_id: '7' });
    lines[9] = line(9, { stream: true });
    const made = await it_.client.batch.jobs.create({
      inputFiles: [await upload(lines)],
      endpoint,
      model,
      metadata: { a: '1' },
    });
    expect(made).toMatchObject({ object: 'batch', status: 'QUEUED', model, endpoint, metadata: { a: '1' } });
    const job = await ended(made.id);
    expect(job).toMatchObject({
      status: 'SUCCESS',
      totalRequests: 20,
      completedRequests: 20,
      succeededRequests: 17,
      failedRequests: 3,
    });
    expect(job.errors.map(({ count }) => count)).toEqual([1, 1, 1]);
    const answers = await linesOf(job.outputFile!);
    expect(answers.map(({ custom_id }) => custom_id)).toEqual(
      Array.from({ length: 20 }, (_, id) => String(id)).filter((id) => !['3', '5', '7'].includes(id)),
    );
    expect(answers[0]).toMatchObject({
      id: expect.stringMatching(/^0-[0-9a-f-]{36}$/),
      response: { status_code: 200, body: { object: 'chat.completion', usage: { completion_tokens: 2 } } },
      error: null,
    });
    const failures = await linesOf(job.errorFile!);
    expect(failures.map(({ custom_id, response }) => [custom_id, response.status_code])).toEqual([
      ['3', 422],
      [null, 400],
      [null, 400],
    ]);
    expect(await it_.client.files.retrieve({ fileId: job.outputFile! })).toMatchObject({
      purpose: 'batch',
      sampleType: 'batch_result',
      source: 'mistral',
      numLines: 17,
    });
  }, 120_000);

  it('is listed by what it is about, also by bare keys of its metadata', async () => {
    const inputFiles = [await upload([line(0)])];
    const ids: string[] = [];
    for (const team of ['red', 'blue'])
      ids.push(
        (await it_.client.batch.jobs.create({ inputFiles, endpoint, model, metadata: { team, kind: 'test' } })).id,
      );
    const listed = async (query: string) => {
      const response = await fetch(`${it_.server.currentUrl()}/v1/batch/jobs?${query}`, {
        headers: { authorization: `Bearer ${it_.server.adminKey}` },
      });
      return ((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
    };
    expect(await listed('team=red')).toEqual([ids[0]]);
    expect(await listed('kind=test')).toEqual([ids[1], ids[0]]);
    expect(await listed('kind=test&page_size=1&page=1')).toEqual([ids[0]]);
    expect(await listed('team=green')).toEqual([]);
    expect(await listed('model=other')).toEqual([]);
    const client = await it_.client.batch.jobs.list({ metadata: { team: 'blue' }, createdByMe: true });
    expect(client.data?.map(({ id }) => id)).toEqual([ids[1]]);
    await Promise.all(ids.map(ended));
    expect(await listed('kind=test&status=SUCCESS&status=FAILED')).toEqual([ids[1], ids[0]]);
    expect(await listed('kind=test&status=QUEUED')).toEqual([]);
  }, 120_000);

  it('ends with what it has when it is cancelled or out of time', async () => {
    const slow = Array.from({ length: 2000 }, (_, id) => line(id, { max_tokens: 50 }));
    const inputFiles = [await upload(slow)];
    const cancelled = await it_.client.batch.jobs.create({ inputFiles, endpoint, model });
    await eventually(
      () => it_.client.batch.jobs.get({ jobId: cancelled.id }),
      ({ completedRequests }) => completedRequests > 0,
    );
    expect((await it_.client.batch.jobs.cancel({ jobId: cancelled.id })).status).toBe('CANCELLATION_REQUESTED');
    const job = await ended(cancelled.id);
    expect(job.status).toBe('CANCELLED');
    expect((await linesOf(job.outputFile!)).length).toBe(job.succeededRequests);
    await restarted({ ATELIER_BATCHES: '0' });
    const late = await it_.client.batch.jobs.create({ inputFiles, endpoint, model });
    await it_.server.database
      .updateTable('batches')
      .set({ times_out_at: new Date(Date.now() - 1000) })
      .where('id', '=', late.id)
      .execute();
    await restarted();
    expect((await ended(late.id)).status).toBe('TIMEOUT_EXCEEDED');
  }, 120_000);

  it('of another workspace is not there, nor are its files', async () => {
    const file = await upload([line(0)]);
    const { id } = await it_.client.batch.jobs.create({ inputFiles: [file], endpoint, model });
    const never = '00000000-0000-4000-8000-000000000000';
    const read = (job: string) =>
      fetch(`${it_.server.currentUrl()}/v1/batch/jobs/${job}`, {
        headers: { authorization: `Bearer ${stranger.key}` },
      });
    expect([(await read(id)).status, (await read(never)).status]).toEqual([404, 404]);
    const made = await it_.post('/v1/batch/jobs', { input_files: [file], endpoint, model }, stranger.key);
    expect(made.status).toBe(404);
    await ended(id);
  }, 60_000);

  it('needs a file that was uploaded for batches, a model that there is, and an endpoint that takes them', async () => {
    const file = await upload([line(0)]);
    const other = await it_.client.files.upload({
      file: { fileName: 'a.pdf', content: new Blob(['x']) },
      purpose: 'ocr',
    });
    const post = (given: object) =>
      it_.post('/v1/batch/jobs', { input_files: [file], endpoint, model, ...given }).then(({ status }) => status);
    expect(await post({ input_files: [other.id] })).toBe(400);
    expect(await post({ input_files: [] })).toBe(422);
    expect(await post({ endpoint: '/v1/files' })).toBe(422);
    expect(await post({ model: 'nothing' })).toBe(400);
    expect(await post({ timeout_hours: 168 })).toBe(422);
    expect(await post({ metadata: { [`k${'x'.repeat(40)}`]: 'v' } })).toBe(422);
  }, 60_000);
});

describe('a server that is killed in the middle of a batch', () => {
  it('answers the rest when it is back, and no line twice', async () => {
    const lines = Array.from({ length: 400 }, (_, id) => line(id, { max_tokens: 4 }));
    const { id } = await it_.client.batch.jobs.create({ inputFiles: [await upload(lines)], endpoint, model });
    for (const share of [0.2, 0.5]) {
      await eventually(
        () => it_.client.batch.jobs.get({ jobId: id }),
        ({ completedRequests }) => completedRequests >= share * lines.length,
        120_000,
      );
      await restarted();
    }
    const job = await ended(id);
    expect(job).toMatchObject({ status: 'SUCCESS', succeededRequests: 400, failedRequests: 0 });
    const ids = (await linesOf(job.outputFile!)).map(({ custom_id }) => custom_id);
    expect(ids).toEqual(lines.map((_, index) => String(index)));
  }, 180_000);
});

/** Another server on the same data; it listens somewhere else. */
async function restarted(environment = {}): Promise<void> {
  await it_.server.restart({ ...settings, ...environment });
  it_.client = new Mistral({ apiKey: it_.server.adminKey, serverURL: it_.server.currentUrl() });
}
