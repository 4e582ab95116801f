/** A client that leaves frees the model it kept busy. */
import { createEngine, type Engine } from '@atelier/engine';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { childEnvironment } from '../src/config/environment.ts';
import { emissaryObjects, eventually } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { silent, testDatabases } from './support/test-databases.ts';

const stack = new AsyncDisposableStack();
let engine: Engine;
let server: EmissaryServer;
let url: string;
beforeAll(async () => {
  const databases = stack.use(await testDatabases());
  engine = stack.use(createEngine({ environment: childEnvironment(), gpu: 'off', threads: 1, logger: silent.engine }));
  server = stack.use(await emissaryServer(databases, { ATELIER_TRAINING_JOBS: '0' }, { engine }));
  const { project, deployment } = await emissaryObjects(server, 'tiny-long');
  url = `${server.url}/emissary/v1/projects/${project}/deployments/${deployment}`;
  await eventually(
    async () => (await server.call('GET', new URL(url).pathname)).json().status,
    (status) => status === 'Deployed',
  );
});
afterAll(() => stack.disposeAsync());

const endless = { max_new_tokens: 100_000, do_sample: true, temperature: 0.01, top_k: 1 };
const post = (path: string, body: object, signal: AbortSignal) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'x-api-key': server.adminKey, 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, ...endless }),
    signal,
  });
const idle = () =>
  eventually(
    async () => engine.status().running,
    (running) => running === 0,
    2000,
  );

it('a stream', async () => {
  const leaving = new AbortController();
  const response = await post(
    '/chat/completions',
    { messages: [{ role: 'user', content: 'Hi' }], streaming: true },
    leaving.signal,
  );
  const reader = response.body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toMatch(/^data: /);
  expect(engine.status().running).toBe(1);
  leaving.abort();
  await idle();
});

it('an answer in one piece', async () => {
  const leaving = new AbortController();
  const answer = post('/completions', { input: 'Hi' }, leaving.signal);
  answer.catch(() => {});
  await eventually(
    async () => engine.status().running,
    (running) => running === 1,
  );
  leaving.abort();
  await expect(answer).rejects.toThrow();
  await idle();
});
