import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { datasetDetailSchema, datasetListSchema, datasetSummarySchema } from '../src/apis/emissary/schemas/datasets.ts';
import { baseModelListSchema, baseModelSchema } from '../src/apis/emissary/schemas/models.ts';
import { projectDetailSchema, projectListSchema, projectSummarySchema } from '../src/apis/emissary/schemas/projects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';
import { uploadForm } from './support/upload.ts';

let databases: TestDatabases;
let server: EmissaryServer;
beforeAll(async () => {
  databases = await testDatabases();
  server = await emissaryServer(databases, { ATELIER_TRAINING_JOBS: '0', ATELIER_UPLOAD_LIMIT: '200000' });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

/** Every field of `body` is one that `schema` describes. */
function expectShape<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.parse(body);
  expect(body).toEqual(parsed);
  return parsed;
}
const newProject = async () =>
  expectShape(projectSummarySchema, (await server.call('POST', '/emissary/v1/projects', { name: 'p' })).json()).id;
const at = (project: string) => `/emissary/v1/projects/${project}`;

async function upload(project: string, content: string, fileName = 'data.jsonl', fields: Record<string, string> = {}) {
  const { payload, headers } = uploadForm(content, fileName, fields);
  return server.inject({
    method: 'POST',
    url: `${at(project)}/datasets`,
    headers: { ...headers, 'x-api-key': server.adminKey },
    payload: await payload,
  });
}

const jsonl = (rows: object[]) => rows.map((row) => JSON.stringify(row)).join('\n');

describe('base models', () => {
  it('are listed as a bare array, and found by name, with a template of every parameter', async () => {
    const list = expectShape(baseModelListSchema, (await server.call('GET', '/emissary/v1/models')).json());
    expect(list.map(({ name, type }) => [name, type])).toEqual(
      expect.arrayContaining([
        ['tiny-chat', 'chat'],
        ['tiny-raw', 'completion'],
      ]),
    );
    const one = expectShape(baseModelSchema, (await server.call('GET', '/emissary/v1/models/tiny-raw')).json());
    expect(one).toEqual(list.find(({ name }) => name === 'tiny-raw'));
    expect(one.parameter_template).toMatchObject({
      num_train_epochs: 5,
      optim: 'adamw_8bit',
      learning_rate: 2e-4,
      lora_rank: 32,
      max_seq_length: 256,
    });
  });

  it('answer at the root too, and an unknown one is not found', async () => {
    expect((await server.call('GET', '/v1/models')).json()).toEqual(
      (await server.call('GET', '/emissary/v1/models')).json(),
    );
    const missing = await server.call('GET', '/emissary/v1/models/nothing%00here');
    expect([missing.statusCode, missing.json()]).toEqual([
      404,
      { status: 404, error: 'Base model not found', code: 'object_not_found' },
    ]);
  });
});

describe('projects', () => {
  it('are made with a name, without one, and without a body', async () => {
    for (const [body, name] of [
      [{ name: 'mine' }, 'mine'],
      [{}, ''],
      [undefined, ''],
    ] as const) {
      const made = await server.call('POST', '/emissary/v1/projects', body);
      expect(made.statusCode).toBe(201);
      expect(expectShape(projectSummarySchema, made.json())).toEqual({
        id: expect.stringMatching(/^ms-[0-9a-f]{24}$/),
        name,
      });
    }
  });

  it('are listed, shown with what is in them, and deleted with it', async () => {
    const project = await newProject();
    const list = expectShape(projectListSchema, (await server.call('GET', '/emissary/v1/projects')).json());
    expect(list).toContainEqual({ id: project, name: 'p' });
    const dataset = (await upload(project, jsonl([{ prompt: 'a', completion: 'b' }]))).json();
    expect(expectShape(projectDetailSchema, (await server.call('GET', at(project))).json())).toEqual({
      id: project,
      name: 'p',
      datasets: [dataset],
      training_jobs: [],
      deployments: [],
    });
    const gone = await server.call('DELETE', at(project));
    expect([gone.statusCode, gone.body]).toEqual([204, '']);
    expect((await server.call('GET', at(project))).statusCode).toBe(404);
    expect((await server.call('DELETE', at(project))).statusCode).toBe(404);
    expect(
      await server.database.selectFrom('datasets').select('id').where('project_id', '=', project).execute(),
    ).toEqual([]);
  });

  it('refuse what they do not know, and names that cannot be stored', async () => {
    for (const [body, error] of [
      [{ title: 'x' }, 'body: unknown field title'],
      [{ name: 7 }, 'body.name: Invalid input: expected string, received number'],
      [{ name: 'a\0b' }, 'body.name: must not contain U+0000'],
      ['{"name":', "Body is not valid JSON but content-type is set to 'application/json'"],
    ] as const) {
      const refused = await server.call('POST', '/emissary/v1/projects', body);
      expect([refused.statusCode, refused.json()]).toEqual([400, { status: 400, error, code: 'invalid_request' }]);
    }
  });
});

describe('datasets', () => {
  it.each([
    ['CSV', 'rows.csv', 'input,expected_output\n"What, now?",Yes\nHm,"a ""b"""\n', 2],
    [
      'prompt and completion',
      'rows.jsonl',
      jsonl([
        { prompt: 'a', completion: 'b' },
        { prompt: 'c', completion: 'd' },
      ]),
      2,
    ],
    [
      'messages',
      'ROWS.JSONL',
      jsonl([
        {
          messages: [
            { role: 'system', content: 's' },
            { role: 'user', content: 'u' },
            { role: 'assistant', content: 'a' },
          ],
        },
      ]),
      1,
    ],
  ])('take %s, and give back the file byte for byte', async (_form, fileName, content, records) => {
    const project = await newProject();
    const made = await upload(project, content, fileName);
    expect(made.statusCode).toBe(201);
    const summary = expectShape(datasetSummarySchema, made.json());
    expect(summary).toMatchObject({ name: fileName, is_uploaded: true });
    const detail = expectShape(
      datasetDetailSchema,
      (await server.call('GET', `${at(project)}/datasets/${summary.id}`)).json(),
    );
    expect(detail.upload_by).toBe('user-admin');
    const download = await server.inject(new URL(detail.dataset_download_url!).pathname);
    expect([download.statusCode, download.body]).toEqual([200, content]);
    expect(expectShape(datasetListSchema, (await server.call('GET', `${at(project)}/datasets`)).json())).toEqual([
      summary,
    ]);
    const row = await server.database
      .selectFrom('datasets')
      .selectAll()
      .where('id', '=', summary.id)
      .executeTakeFirstOrThrow();
    expect([row.records, row.state]).toEqual([records, 'ready']);
  });

  it('take a name before or after the file', async () => {
    const project = await newProject();
    const file = jsonl([{ prompt: 'a', completion: 'b' }]);
    expect((await upload(project, file, 'x.jsonl', { name: 'before' })).json().name).toBe('before');
    const form = new FormData();
    form.set('file', new Blob([file]), 'x.jsonl');
    form.set('name', 'after');
    const response = new Response(form);
    const made = await server.inject({
      method: 'POST',
      url: `${at(project)}/datasets`,
      payload: Buffer.from(await response.arrayBuffer()),
      headers: { 'content-type': response.headers.get('content-type')!, 'x-api-key': server.adminKey },
    });
    expect(made.json().name).toBe('after');
  });

  it.each([
    [
      'a field that is missing',
      jsonl([{ prompt: 'secret-1', completion: 'b' }, { prompt: 'secret-2' }]),
      'data.jsonl',
      /^Line 2, field completion: /,
    ],
    ['a wrong type', jsonl([{ prompt: 5, completion: 'secret-1' }]), 'data.jsonl', /^Line 1, field prompt: /],
    [
      'a line that is not JSON',
      `${jsonl([{ prompt: 'a', completion: 'b' }])}\nsecret-1`,
      'data.jsonl',
      /^Line 2, field /,
    ],
    ['a CSV without its columns', 'question,answer\nsecret-1,secret-2\n', 'data.csv', /^Line 1, field /],
    ['no rows', '', 'data.jsonl', /^Line 1, field /],
  ])('refuse %s, naming line and field and not the content', async (_what, content, fileName, error) => {
    const refused = await upload(await newProject(), content, fileName);
    expect(refused.statusCode).toBe(400);
    expect(refused.json()).toEqual({ status: 400, error: expect.stringMatching(error), code: 'invalid_dataset' });
    expect(refused.body).not.toContain('secret');
  });

  it('refuse other files, other parts, no file, and no form', async () => {
    const project = await newProject();
    const row = jsonl([{ prompt: 'a', completion: 'b' }]);
    expect((await upload(project, row, 'data.txt')).json()).toMatchObject({
      status: 400,
      error: 'The name of the file must end in .csv or .jsonl',
    });
    expect((await upload(project, row, 'data.jsonl', { label: 'x' })).json()).toMatchObject({ status: 400 });
    expect((await upload(project, row, 'data.jsonl', { name: 'x'.repeat(201) })).json()).toMatchObject({
      status: 400,
      error: expect.stringContaining('name'),
    });
    const empty = new Response(new URLSearchParams());
    const noForm = await server.inject({
      method: 'POST',
      url: `${at(project)}/datasets`,
      headers: { 'x-api-key': server.adminKey, 'content-type': empty.headers.get('content-type')! },
      payload: 'a=b',
    });
    expect(noForm.statusCode).toBe(415);
    expect((await server.call('POST', `${at(project)}/datasets`, { file: 'x' })).statusCode).toBe(415);
  });

  it('refuse a file over the limit and keep nothing of it', async () => {
    const project = await newProject();
    const line = `${JSON.stringify({ prompt: 'p', completion: 'c'.repeat(1000) })}\n`;
    const refused = await upload(project, line.repeat(300));
    expect([refused.statusCode, refused.json()]).toEqual([
      413,
      { status: 413, error: 'The upload is larger than the limit of 200000 bytes', code: 'payload_too_large' },
    ]);
    expect((await server.call('GET', `${at(project)}/datasets`)).json()).toEqual([]);
    const within = await upload(project, line.repeat(Math.floor(200_000 / line.length)));
    expect(within.statusCode).toBe(201);
  });

  it('are deleted', async () => {
    const project = await newProject();
    const { id } = (await upload(project, jsonl([{ prompt: 'a', completion: 'b' }]))).json();
    expect((await server.call('DELETE', `${at(project)}/datasets/${id}`)).statusCode).toBe(204);
    expect((await server.call('GET', `${at(project)}/datasets/${id}`)).json()).toEqual({
      status: 404,
      error: 'Dataset not found',
      code: 'object_not_found',
    });
  });

  it('are found in their own project only', async () => {
    const [mine, other] = [await newProject(), await newProject()];
    const { id } = (await upload(mine, jsonl([{ prompt: 'a', completion: 'b' }]))).json();
    expect((await server.call('GET', `${at(other)}/datasets/${id}`)).statusCode).toBe(404);
    expect((await server.call('DELETE', `${at(other)}/datasets/${id}`)).statusCode).toBe(404);
    expect((await server.call('GET', `${at(mine)}/datasets/${id}`)).statusCode).toBe(200);
  });
});
