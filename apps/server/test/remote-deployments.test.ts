/** Deployments that another server runs: their adapters go there as vLLM takes them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, rename, stat } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { runConversion } from '@atelier/convert';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Double, json, said, startDouble } from '../../../packages/engine/test/remote/double.ts';
import { readRemoteEngines } from '../src/config/remote-engines.ts';
import { emissaryObjects, type EmissaryObjects, eventually } from './support/emissary-objects.ts';
import { emissaryServer, type EmissaryServer } from './support/emissary-server.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';

const patience = 120_000;
const program = process.env['LLAMA_SERVER'] ?? '/work/yard/llama.cpp/build/bin/llama-server';
const stack = new AsyncDisposableStack();
let server: EmissaryServer;
let vllm: Double;
let adapters: string;
let settings: Record<string, string>;
let objects: EmissaryObjects;
let project: string;
/** What vLLM has, by name: the path it was told. */
const loaded = new Map<string, string>();
/** What it says of its models: its adapters are among them. */
const listed = [{ id: 'org/tiny' }];

beforeAll(async () => {
  const databases: TestDatabases = stack.use(await testDatabases());
  vllm = stack.use(await startDouble(listed));
  adapters = stack.use(await temporaryDirectory()).path;
  await chmod(adapters, 0o755);
  const deploys = { directory: adapters, models: { 'tiny-chat': 'org/tiny' } };
  settings = {
    ATELIER_TRAINING_JOBS: '0',
    ATELIER_REMOTE_ENGINES: JSON.stringify([{ name: 'farm', kind: 'vllm', urls: [vllm.url], deploys }]),
  };
  server = stack.use(await emissaryServer(databases, settings));
  objects = await emissaryObjects(server);
  project = `/emissary/v1/projects/${objects.project}`;
  vllm.routes['/v1/load_lora_adapter'] = (response, { body }) => {
    const { lora_name: name, lora_path: where } = body as { lora_name: string; lora_path: string };
    loaded.set(name, where);
    if (!listed.some(({ id }) => id === name)) listed.push({ id: name });
    response.end('Success');
  };
  vllm.routes['/v1/unload_lora_adapter'] = (response, { body }) => {
    const { lora_name: name } = body as { lora_name: string };
    if (!loaded.delete(name)) return json(response, 404, { message: `The lora adapter '${name}' cannot be found.` });
    listed.splice(
      listed.findIndex(({ id }) => id === name),
      1,
    );
    response.end('Success');
  };
}, patience);
afterAll(() => stack.disposeAsync());

const create = (given: object = {}) =>
  server.call('POST', `${project}/deployments`, {
    training_job_id: objects.job,
    checkpoint: 1,
    server_type: 'serverless',
    ...given,
  });
const settled = (url: string) =>
  eventually(
    async () => (await server.call('GET', url)).json(),
    ({ status }) => status !== 'Pending' && status !== 'Deploying',
  );
/** A deployment over there that has come up. */
async function deployed(): Promise<{ id: string; url: string }> {
  const { id } = (await create()).json();
  const url = `${project}/deployments/${id}`;
  expect(await settled(url)).toMatchObject({ status: 'Deployed' });
  return { id, url };
}
const answerOf = async (url: string): Promise<{ response?: string; error?: string; status?: number }> =>
  (await server.call('POST', `${url}/completions`, { input: 'Question', max_new_tokens: 4 })).json();

describe('a serverless deployment', { timeout: patience }, () => {
  it('is offered for the base models that another server deploys, and refused for others', async () => {
    const models: { name: string; support_serverless: boolean }[] = (
      await server.call('GET', '/emissary/v1/models')
    ).json();
    expect(models.filter((model) => model.support_serverless).map(({ name }) => name)).toEqual(['tiny-chat']);
    const raw = await emissaryObjects(server, 'tiny-raw');
    const refused = await server.call('POST', `/emissary/v1/projects/${raw.project}/deployments`, {
      training_job_id: raw.job,
      checkpoint: 1,
      server_type: 'serverless',
    });
    expect([refused.statusCode, refused.json().error]).toEqual([400, expect.stringContaining('tiny-raw')]);
  });

  it('is refused for whole models and heads, which do not run there', async () => {
    const { adapter_blob: blob } = await server.database
      .selectFrom('checkpoints')
      .select('adapter_blob')
      .where('job_id', '=', objects.job)
      .executeTakeFirstOrThrow();
    const add = (number: number, files: object) =>
      server.database
        .insertInto('checkpoints')
        .values({ job_id: objects.job, number, step: number * 10, ...files })
        .execute();
    await add(2, { model_blob: blob });
    await add(3, { adapter_blob: blob, head_blob: blob });
    for (const [checkpoint, why] of [[2, 'whole model'] as const, [3, 'head'] as const]) {
      const refused = await create({ checkpoint });
      expect([refused.statusCode, refused.json().error]).toEqual([400, expect.stringContaining(why)]);
    }
  });

  it('has its adapter put where the other server reads it and loaded there, answers, and is taken away', async () => {
    const { id, url } = await deployed();
    const folder = path.join(adapters, id);
    expect(loaded.get(id)).toBe(folder);
    expect((await readdir(folder)).toSorted()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    expect((await stat(folder)).mode & 0o777).toBe(0o755);
    expect((await stat(path.join(folder, 'adapter_model.safetensors'))).mode & 0o777).toBe(0o644);
    const config = JSON.parse(await readFile(path.join(folder, 'adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({ base_model_name_or_path: 'org/tiny', r: 4, lora_alpha: 8 });
    vllm.routes['/v1/chat/completions'] = said('From afar');
    expect(await answerOf(url)).toMatchObject({ response: 'From afar' });
    expect(vllm.asked.at(-1)!.body).toMatchObject({
      model: id,
      messages: [{ role: 'user', content: 'Question' }],
      max_tokens: 4,
    });
    expect((await server.call('POST', `${url}/cancel`)).statusCode).toBe(204);
    expect([loaded.has(id), existsSync(folder)]).toEqual([false, false]);
    expect(await answerOf(url)).toMatchObject({ status: 400 });
    const other = await deployed();
    expect((await server.call('DELETE', other.url)).statusCode).toBe(204);
    expect([loaded.size, await readdir(adapters)]).toEqual([0, []]);
  });

  it('belongs to its workspace, though the other server lists its adapter as a model', async () => {
    const { id, url } = await deployed();
    // The list is looked at from time to time; a restart looks at once.
    await server.restart();
    await settled(url);
    const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
    const models = await (await fetch(`${server.currentUrl()}/openai/v1/models`, { headers })).text();
    expect(models).toContain('farm/org/tiny');
    expect(models).not.toContain(id);
    const body = JSON.stringify({ model: `farm/${id}`, messages: [{ role: 'user', content: 'x' }] });
    const asked = await fetch(`${server.currentUrl()}/openai/v1/chat/completions`, { method: 'POST', headers, body });
    expect(asked.status).toBe(404);
    await server.call('DELETE', url);
  });

  it('is loaded again after restarts of this server or that one', async () => {
    const { id, url } = await deployed();
    loaded.clear();
    listed.splice(1);
    await server.restart();
    await eventually(
      async () => [...loaded.keys()],
      (names) => names.includes(id),
    );
    expect(await settled(url)).toMatchObject({ status: 'Deployed' });
    await server.call('DELETE', url);
  });

  it('whose adapter the other server refuses fails with the reason, and leaves nothing', async () => {
    const load = vllm.routes['/v1/load_lora_adapter']!;
    vllm.routes['/v1/load_lora_adapter'] = (response) =>
      json(response, 400, { error: { message: 'LoRA rank 4 is greater than max_lora_rank' } });
    const { id } = (await create()).json();
    expect(await settled(`${project}/deployments/${id}`)).toMatchObject({
      status: 'Failed',
      error: { code: 'invalid_request', message: expect.stringContaining('max_lora_rank') },
    });
    await eventually(
      () => readdir(adapters),
      (names) => names.length === 0,
    );
    vllm.routes['/v1/load_lora_adapter'] = load;
  });

  it('fails when the directory is away, and when no server deploys its base model any more', async () => {
    await rename(adapters, `${adapters}-away`);
    const away = (await create()).json();
    const failed = await settled(`${project}/deployments/${away.id}`);
    await rename(`${adapters}-away`, adapters);
    expect(failed).toMatchObject({ status: 'Failed', error: { message: expect.stringContaining('ENOENT') } });
    const { id, url } = await deployed();
    await server.restart({ ATELIER_TRAINING_JOBS: '0' });
    const orphan = await eventually(
      async () => (await server.call('GET', url)).json(),
      ({ status }) => status === 'Failed',
    );
    expect(orphan.error.message).toContain('tiny-chat');
    // What it left is taken away when there is a place again.
    await server.restart();
    await eventually(
      () => readdir(adapters),
      (names) => !names.includes(id),
    );
    expect(loaded.has(id)).toBe(false);
  });

  it.skipIf(!existsSync(program))('answers over there what it answers here', async () => {
    await using running = new AsyncDisposableStack();
    const base = path.join(server.directory, 'models', 'tiny-chat.gguf');
    const load = vllm.routes['/v1/load_lora_adapter']!;
    let url = '';
    // What vLLM does, by way of llama-server: reads the folder of PEFT and puts it over the base model.
    vllm.routes['/v1/load_lora_adapter'] = async (response, asked) => {
      const file = path.join(server.directory, 'back.gguf');
      await runConversion(['import', String(asked.body['lora_path']), base, file]);
      url = await startLlamaServer(['-m', base, '--lora', file], running);
      await load(response, asked);
    };
    vllm.routes['/v1/chat/completions'] = async (response, { body }) => {
      const answer = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...body, top_k: 0 }),
      });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type')! });
      await pipeline(Readable.fromWeb(answer.body as ReadableStream), response);
    };
    const there = await deployed();
    const here = `${project}/deployments/${(await create({ server_type: 'on-demand' })).json().id}`;
    expect(await settled(here)).toMatchObject({ status: 'Deployed' });
    const { response } = await answerOf(here);
    expect(response).not.toBe('');
    expect((await answerOf(there.url)).response).toBe(response);
    vllm.routes['/v1/load_lora_adapter'] = load;
  });
});

describe('the setting', { timeout: patience }, () => {
  it.each([
    [{ directory: 'relative', models: {} }, 'deploys.directory'],
    [{ directory: '/a', models: { '': 'x' } }, 'deploys.models'],
    [{ directory: '/a' }, 'deploys.models'],
  ])('is refused where it is wrong: %j', async (deploys, where) => {
    const service = { name: 'a', kind: 'vllm', urls: ['http://localhost:1/v1'], deploys };
    await expect(readRemoteEngines(JSON.stringify([service]))).rejects.toThrow(where);
  });

  it('is refused for servers that load no adapters', async () => {
    const deploys = { directory: '/a', models: {} };
    const service = { name: 'a', kind: 'openai', urls: ['http://localhost:1/v1'], deploys };
    await expect(readRemoteEngines(JSON.stringify([service]))).rejects.toThrow(/deploys: only servers of kind vllm/);
  });
});

/** @returns its URL, once it has loaded its model. */
async function startLlamaServer(args: string[], running: AsyncDisposableStack): Promise<string> {
  const port = await freePort();
  const common = ['--host', '127.0.0.1', '--port', String(port), '-c', '512', '-np', '1', '-t', '1', '--jinja'];
  const child = spawn(program, [...common, '--no-warmup', '-cram', '0', '--fit', 'off', ...args], { stdio: 'ignore' });
  running.defer(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    () =>
      fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    (ok) => ok,
  );
  return url;
}

async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}
