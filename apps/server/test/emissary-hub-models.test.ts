/** Training jobs whose base model comes from a hub. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { hubDouble, type HubDouble } from '../../../packages/hub/test/hub-double.ts';
import { eventually, uploadRows } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { testDatabases } from './support/test-databases.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const stack = new AsyncDisposableStack();
let hub: HubDouble;
let server: EmissaryServer;
let at: string;
let dataset: string;
beforeAll(async () => {
  hub = stack.use(await hubDouble({}));
  hub.token = 'hf_of-the-operator';
  const databases = stack.use(await testDatabases());
  server = stack.use(await emissaryServer(databases, { ATELIER_HUB: hub.endpoint, ATELIER_HUB_TOKEN: hub.token }));
  hub.files.set('tiny-hub.gguf', await readFile(path.join(server.directory, 'models', 'tiny-chat.gguf')));
  const project: string = (await server.call('POST', '/emissary/v1/projects', {})).json().id;
  at = `/emissary/v1/projects/${project}`;
  dataset = await uploadRows(server, project);
});
afterAll(() => stack.disposeAsync());

const start = async (link: string) => {
  const made = await server.call('POST', `${at}/training-jobs`, {
    base_model: 'HF_MODEL',
    hf_model_link: link,
    train_dataset_id: dataset,
    parameters: { num_train_epochs: 1, lora_rank: 2 },
  });
  expect(made.statusCode, made.body).toBe(201);
  return made.json().id as string;
};
const jobOf = async (id: string) => (await server.call('GET', `${at}/training-jobs/${id}`)).json();
const over = ['Success', 'Failed', 'Cancelled'];
const ended = (id: string) =>
  eventually(
    () => jobOf(id),
    ({ status }) => over.includes(status),
  );
const baseModels = async () =>
  (await server.call('GET', '/emissary/v1/models')).json().map(({ name }: { name: string }) => name);

it('train it, keep it as a base model, and fetch a commit once', async () => {
  const before = await baseModels();
  const job = await ended(await start('org/model'));
  expect(job).toMatchObject({ status: 'Success', base_model: 'org--model--tiny-hub-c0ffee000000' });
  expect(await baseModels()).toEqual([...before, job.base_model].toSorted());
  const asked = hub.asked.length;
  expect(await ended(await start(`${hub.endpoint}/org/model`))).toMatchObject({
    status: 'Success',
    base_model: job.base_model,
  });
  expect(hub.asked).toHaveLength(asked);
});

const expected = async () =>
  await server.database.selectFrom('models').select('id').where('kind', '=', 'expected').execute();

it('fail with the reason where the hub does not give it, and leave nothing when they are deleted', async () => {
  const id = await start('org/absent');
  const job = await ended(id);
  expect(job.status).toBe('Failed');
  expect(JSON.stringify(job)).toContain('no such model');
  expect(await expected()).toHaveLength(1);
  expect((await server.call('DELETE', `${at}/training-jobs/${id}`)).statusCode).toBe(204);
  expect(await expected()).toEqual([]);
});

it('wait for a hub that cannot be reached, and go on when it is back', async () => {
  hub.away = true;
  const id = await start('org/model');
  const tried = () =>
    server.database.selectFrom('training_jobs').select(['state', 'failures']).where('id', '=', id).execute();
  await eventually(tried, ([job]) => job!.failures > 0);
  expect((await jobOf(id)).status).toBe('Pending');
  hub.away = false;
  expect((await ended(id)).status).toBe('Success');
});

it('leave nothing when their project is deleted', async () => {
  const own = (await server.call('POST', '/emissary/v1/projects', {})).json().id as string;
  const job = { base_model: 'HF_MODEL', hf_model_link: 'org/absent', train_dataset_id: await uploadRows(server, own) };
  const made = await server.call('POST', `/emissary/v1/projects/${own}/training-jobs`, job);
  const url = `/emissary/v1/projects/${own}/training-jobs/${made.json().id}`;
  await eventually(
    async () => (await server.call('GET', url)).json(),
    ({ status }) => status === 'Failed',
  );
  expect(await expected()).toHaveLength(1);
  expect((await server.call('DELETE', `/emissary/v1/projects/${own}`)).statusCode).toBe(204);
  expect(await expected()).toEqual([]);
});

it('are cancelled while it comes', async () => {
  hub.files.set('large.gguf', Buffer.alloc(3_000_000));
  hub.slowMs = 50;
  const id = await start('org/model:large');
  await eventually(
    async () => hub.asked.some((each) => each.path === 'large.gguf'),
    (asked) => asked,
  );
  await server.call('POST', `${at}/training-jobs/${id}/cancel`);
  expect((await ended(id)).status).toBe('Cancelled');
});

it('are refused for another host', async () => {
  const before = await baseModels();
  const refused = await server.call('POST', `${at}/training-jobs`, {
    base_model: 'HF_MODEL',
    hf_model_link: 'http://169.254.169.254/latest/meta-data',
    train_dataset_id: dataset,
  });
  expect(refused.statusCode).toBe(400);
  expect(await baseModels()).toEqual(before);
});
