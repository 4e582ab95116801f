import fc from 'fast-check';
import type { Mistral } from 'mistralai-1';
import type { Mistral as MistralTwo } from 'mistralai-2';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { emissaryObjects } from './support/emissary-objects.ts';
import { stranger, type EmissaryServer } from './support/emissary-server.ts';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';

vi.setConfig({ testTimeout: 120_000 });

const uploadLimit = 1 << 20;

let mistral: MistralServer;
let server: EmissaryServer;
let client: Mistral;
let clientTwo: MistralTwo;
beforeAll(async () => {
  mistral = await mistralServer({
    ATELIER_TRAINING_JOBS: '0',
    ATELIER_BATCHES: '0',
    ATELIER_UPLOAD_LIMIT: String(uploadLimit),
    ATELIER_MODEL_ALIASES: 'mistral-small-latest=tiny-chat',
    ATELIER_MODEL_DEPRECATIONS: 'tiny-chat=2027-01-31',
  });
  ({ server, client, clientTwo } = mistral);
}, 120_000);
afterAll(() => mistral[Symbol.asyncDispose]());

const bearer = (key = server.adminKey) => ({ authorization: `Bearer ${key}` });
const conversation = JSON.stringify({
  messages: [
    { role: 'user', content: 'Hello' },
    { role: 'assistant', content: 'Good day' },
  ],
});
const trainingFile = (name: string, lines = 3) => ({
  fileName: name,
  content: new Blob([`${Array(lines).fill(conversation).join('\n')}\n`]),
});

describe('files', () => {
  it('are uploaded, listed, read and removed by both clients', async () => {
    const made = await client.files.upload({ file: trainingFile('greetings.jsonl'), purpose: 'fine-tune' });
    expect(made).toMatchObject({
      object: 'file',
      filename: 'greetings.jsonl',
      purpose: 'fine-tune',
      sampleType: 'instruct',
      numLines: 3,
      source: 'upload',
    });
    expect(made.id).toMatch(/^[0-9a-f-]{36}$/);
    const again = await clientTwo.files.upload({ file: trainingFile('greetings.jsonl'), purpose: 'fine-tune' });
    expect(again.id).toBe(made.id);
    expect((await client.files.retrieve({ fileId: made.id })).deleted).toBe(false);
    const listed = await clientTwo.files.list({ search: 'GREET', sampleType: ['instruct'], source: ['upload'] });
    expect(listed).toMatchObject({ total: 1, data: [{ id: made.id }] });
    const content = await client.files.download({ fileId: made.id });
    expect(await new Response(content).text()).toBe(`${conversation}\n`.repeat(3));
    const { url } = await client.files.getSignedUrl({ fileId: made.id, expiry: 1 });
    expect(await (await fetch(url)).text()).toBe(`${conversation}\n`.repeat(3));
    expect(await client.files.delete({ fileId: made.id })).toMatchObject({ id: made.id, deleted: true });
    await expect(client.files.retrieve({ fileId: made.id })).rejects.toMatchObject({ statusCode: 404 });
  });

  it('say what their lines are, whatever the order of the parts', async () => {
    const upload = async (order: readonly ('file' | 'purpose')[], purpose: string, text: string) => {
      const form = new FormData();
      for (const part of order) {
        if (part === 'purpose') form.append('purpose', purpose);
        else form.append('file', new Blob([text]), 'some.jsonl');
      }
      const response = await fetch(`${server.url}/v1/files`, { method: 'POST', headers: bearer(), body: form });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const text = '{"text":"once upon a time"}\n';
    const request = '{"custom_id":"0","body":{}}\n';
    expect((await upload(['purpose', 'file'], 'fine-tune', text)).body.sample_type).toBe('pretrain');
    expect((await upload(['file', 'purpose'], 'fine-tune', text)).body.sample_type).toBe('pretrain');
    expect((await upload(['file'], '', text)).body.purpose).toBe('fine-tune');
    expect((await upload(['file', 'purpose'], 'batch', request)).body).toMatchObject({
      purpose: 'batch',
      sample_type: 'batch_request',
      num_lines: 1,
    });
    const refused = await upload(['purpose', 'file'], 'fine-tune', '{"messages":[]}\n');
    expect(refused.status).toBe(400);
    expect(refused.body.message).toMatch(/^Line 1, field messages/);
    expect(await upload(['purpose'], 'ocr', '')).toMatchObject({
      status: 400,
      body: { message: 'The form has no file' },
    });
  });

  it('come in pages, newest first, whatever is asked of them', async () => {
    const made: { name: string; purpose: 'fine-tune' | 'batch' | 'ocr'; kind: string }[] = [];
    for (const [index, purpose] of (['fine-tune', 'batch', 'ocr', 'batch', 'fine-tune'] as const).entries()) {
      const name = `${index % 2 ? 'Odd' : 'even'}-page-${index}.jsonl`;
      await client.files.upload({ file: trainingFile(name, index + 1), purpose });
      made.unshift({ name, purpose, kind: purpose === 'batch' ? 'batch_request' : 'instruct' });
    }
    const asked = fc.record(
      {
        purpose: fc.constantFrom('fine-tune' as const, 'batch' as const, 'ocr' as const),
        sampleType: fc.subarray(['instruct', 'batch_request', 'pretrain'] as const, { minLength: 1 }),
        source: fc.subarray(['upload', 'mistral'] as const, { minLength: 1 }),
        search: fc.constantFrom('odd-PAGE', 'even', 'page-', '%', 'page_'),
      },
      { requiredKeys: [] },
    );
    const property = fc.asyncProperty(asked, fc.integer({ min: 1, max: 4 }), async (given, pageSize) => {
      const search = given.search ?? 'page-';
      const wanted = made.filter(
        ({ name, purpose, kind }) =>
          (given.purpose === undefined || purpose === given.purpose) &&
          // What a document is about is nobody's business.
          (given.sampleType === undefined || (purpose !== 'ocr' && given.sampleType.includes(kind as 'instruct'))) &&
          (given.source === undefined || given.source.includes('upload')) &&
          name.toLowerCase().includes(search.toLowerCase()),
      );
      const found: string[] = [];
      for (let page = 0; page * pageSize <= wanted.length; page++) {
        const { data, total } = await client.files.list({ ...given, search, page, pageSize });
        expect(total).toBe(wanted.length);
        expect(data.length).toBe(Math.max(0, Math.min(pageSize, wanted.length - page * pageSize)));
        found.push(...data.map(({ filename }) => filename));
      }
      expect(found).toEqual(wanted.map(({ name }) => name));
    });
    await fc.assert(property, { numRuns: 30 });
  });

  it('larger than the limit are refused, also when nobody said how large', async () => {
    const tooMuch = new Blob([`${conversation}\n`.repeat(Math.ceil(uploadLimit / conversation.length) + 1)]);
    await expect(
      client.files.upload({ file: { fileName: 'large.jsonl', content: tooMuch }, purpose: 'fine-tune' }),
    ).rejects.toMatchObject({ statusCode: 413 });
  });

  it('that a job uses stay', async () => {
    const training = await client.files.upload({ file: trainingFile('used.jsonl', 7), purpose: 'fine-tune' });
    const asked = { model: 'tiny-chat', training_files: [training.id], hyperparameters: {} };
    expect((await mistral.post('/v1/fine_tuning/jobs', asked)).status).toBe(200);
    const requests = await client.files.upload({ file: trainingFile('requests.jsonl', 7), purpose: 'batch' });
    const batch = { inputFiles: [requests.id], endpoint: '/v1/chat/completions' as const, model: 'tiny-chat' };
    await client.batch.jobs.create(batch);
    for (const { id } of [training, requests]) {
      await expect(client.files.delete({ fileId: id })).rejects.toMatchObject({ statusCode: 409 });
      expect(await client.files.retrieve({ fileId: id })).toMatchObject({ id, deleted: false });
    }
  });

  it('have links for a while', async () => {
    const { id } = await client.files.upload({ file: trainingFile('linked.jsonl'), purpose: 'fine-tune' });
    for (const [expiry, status] of [
      ['0', 422],
      ['169', 422],
      ['x', 422],
      ['168', 200],
    ])
      expect((await fetch(`${server.url}/v1/files/${id}/url?expiry=${expiry}`, { headers: bearer() })).status).toBe(
        status,
      );
    const { url } = await client.files.getSignedUrl({ fileId: id });
    const [, text = ''] = /\/download\/([^.]+)\./.exec(url)!;
    const { e } = JSON.parse(Buffer.from(text, 'base64url').toString());
    expect(e - Date.now() / 1000).toSatisfy((left: number) => left > 23.9 * 3600 && left <= 24 * 3600 + 1);
  });

  it('of another workspace are not there', async () => {
    const { id } = await client.files.upload({ file: trainingFile('mine.jsonl'), purpose: 'fine-tune' });
    const never = '00000000-0000-4000-8000-000000000000';
    for (const at of ['', '/content', '/url']) {
      const answers = await Promise.all(
        [id, never].map((file) => fetch(`${server.url}/v1/files/${file}${at}`, { headers: bearer(stranger.key) })),
      );
      expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    }
  });
});

describe('models', () => {
  it('are listed with what they can do; a hosted name means the model that the operator says', async () => {
    const { data = [] } = await client.models.list();
    expect(data.find(({ id }) => id === 'starter')).toMatchObject({
      type: 'base',
      maxContextLength: 1024,
      capabilities: {
        completionChat: true,
        completionFim: true,
        functionCalling: true,
        fineTuning: true,
        vision: false,
      },
    });
    expect(data.find(({ id }) => id === 'tiny-raw')?.capabilities).toMatchObject({ completionChat: false });
    expect(await clientTwo.models.retrieve({ modelId: 'mistral-small-latest' })).toMatchObject({
      id: 'mistral-small-latest',
      aliases: ['tiny-chat'],
      deprecation: new Date('2027-01-31'),
      defaultModelTemperature: 0.3,
    });
    expect(data.find(({ id }) => id === 'starter')).toMatchObject({ deprecation: null });
    await expect(client.models.retrieve({ modelId: 'nothing' })).rejects.toMatchObject({
      statusCode: 400,
      body: expect.stringContaining('"code":"1500"'),
    });
  });

  it('share their path with another API, told apart by the header', async () => {
    const read = async (headers: Record<string, string>) =>
      (await fetch(`${server.url}/v1/models`, { headers })).json() as Promise<unknown>;
    expect(await read(bearer())).toMatchObject({ object: 'list' });
    expect(Array.isArray(await read({ 'x-api-key': server.adminKey }))).toBe(true);
  });

  it('that a job of another API made are renamed, archived and removed, unless they are deployed', async () => {
    const { job, project, deployment } = await emissaryObjects(server);
    await server.database
      .insertInto('models')
      .values({
        id: 'md-tuned',
        workspace_id: 'ws-default',
        name: 'ft:tiny-chat:me:20261121:12345678',
        kind: 'fine-tuned',
        family: 'llama',
        context_length: 64,
        parameters: 1000,
        chat: true,
        training_job_id: job,
        checkpoint_number: 1,
      })
      .execute();
    const modelId = 'ft:tiny-chat:me:20261121:12345678';
    const card = await client.models.retrieve({ modelId });
    expect(card).toMatchObject({ type: 'fine-tuned', root: 'tiny-chat', archived: false });
    expect(
      await client.models.update({ modelId, updateFTModelIn: { name: 'desk', description: 'answers' } }),
    ).toMatchObject({ name: 'desk', description: 'answers', modelType: 'completion' });
    expect(await client.models.archive({ modelId })).toMatchObject({ archived: true });
    expect(await client.models.unarchive({ modelId })).toMatchObject({ archived: false });
    await expect(client.models.delete({ modelId })).rejects.toMatchObject({ statusCode: 409 });
    await server.call('POST', `/emissary/v1/projects/${project}/deployments/${deployment}/cancel`);
    expect(await client.models.delete({ modelId })).toMatchObject({ id: modelId, deleted: true });
    await expect(client.models.delete({ modelId: 'starter' })).rejects.toMatchObject({ statusCode: 403 });
  });
});

describe('errors', () => {
  it('are read by clients that know the description, and by those that know the practice', async () => {
    const response = await fetch(`${server.url}/mistral/v1/files?page=-1`, { headers: bearer() });
    expect(response.status).toBe(422);
    const detail = [{ loc: ['query', 'page'], type: 'greater_than_equal', msg: expect.any(String) }];
    expect(await response.json()).toEqual({
      object: 'error',
      message: { detail },
      type: 'invalid_request_error',
      param: null,
      code: null,
      detail,
      request_id: response.headers.get('x-request-id'),
    });
    const refused = await fetch(`${server.url}/mistral/v1/files`, { headers: bearer('wrong') });
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({
      object: 'error',
      message: 'Missing or invalid API key',
      request_id: refused.headers.get('x-request-id'),
    });
  });
});
