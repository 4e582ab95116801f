/** Models of other servers, through the APIs of this one. */
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Double, json, said, startDouble } from '../../../packages/engine/test/remote/double.ts';
import { readRemoteEngines } from '../src/config/remote-engines.ts';
import { mistralServer, type MistralServer } from './support/mistral-server.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const key = 'sk-the-operators-secret';
const stack = new AsyncDisposableStack();
let double: Double;
let mistral: MistralServer;
beforeAll(async () => {
  double = stack.use(await startDouble([{ id: 'org/big', max_model_len: 9000 }]));
  mistral = stack.use(
    await mistralServer({
      ATELIER_TRAINING_JOBS: '0',
      ATELIER_REMOTE_ENGINES: JSON.stringify([{ name: 'farm', kind: 'vllm', urls: [double.url], key }]),
      ATELIER_MODEL_ALIASES: 'mistral-large-latest=farm/org/big',
    }),
  );
}, 120_000);
afterAll(() => stack.disposeAsync());

describe('a remote model', { timeout: 120_000 }, () => {
  const messages = [{ role: 'user' as const, content: 'Hello' }];

  it('is listed with what its server tells, and cannot be trained or changed', async () => {
    const { data } = await mistral.client.models.list();
    expect(data!.find(({ id }) => id === 'farm/org/big')).toMatchObject({
      maxContextLength: 9000,
      aliases: ['mistral-large-latest'],
      capabilities: { completionChat: true, functionCalling: true, fineTuning: false },
    });
    const asBase = await mistral.server.call('GET', '/emissary/v1/models/farm%2Forg%2Fbig');
    expect(asBase.statusCode).toBe(404);
    await expect(mistral.client.models.delete({ modelId: 'farm/org/big' })).rejects.toMatchObject({ statusCode: 403 });
  });

  it.each(['farm/org/big', 'mistral-large-latest'])('answers chats as %s', async (model) => {
    double.answers = [said('From afar')];
    const answer = await mistral.client.chat.complete({ model, messages, temperature: 0.5 });
    expect(answer.choices![0]!.message!.content).toBe('From afar');
    expect(answer.usage).toMatchObject({ promptTokens: 5, completionTokens: 2 });
    expect(double.asked.at(-1)).toMatchObject({
      authorization: `Bearer ${key}`,
      body: { model: 'org/big', temperature: 0.5 },
    });
    let streamed = '';
    for await (const { data } of await mistral.client.chat.stream({ model, messages }))
      streamed += String(data.choices[0]?.delta.content ?? '');
    expect(streamed).toBe('From afar');
  });

  it('whose server fails is an error that does not tell its key', async () => {
    double.answers = [(response) => json(response, 500, { error: { message: 'broken' } })];
    const { status, body } = await mistral.post('/v1/chat/completions', { model: 'farm/org/big', messages });
    expect(status).toBe(502);
    expect(JSON.stringify(body)).toMatch(/farm.*broken/);
    expect(JSON.stringify(body)).not.toContain(key);
  });
});

describe('a model file', { timeout: 120_000 }, () => {
  it('that comes while the server runs is offered from then on', async () => {
    await writeTinyModel(path.join(mistral.server.directory, 'models', 'arrived.gguf'));
    const { data } = await mistral.client.models.list();
    expect(data!.map(({ id }) => id)).toContain('arrived');
  });
});

describe('ATELIER_REMOTE_ENGINES', () => {
  const good = JSON.stringify([{ name: 'a', kind: 'openai', urls: ['https://api.example/v1'], key }]);

  it('may be a file of its owner alone', async () => {
    await using directory = await temporaryDirectory();
    const file = path.join(directory.path, 'remote-engines.json');
    await writeFile(file, good, { mode: 0o600 });
    expect(await readRemoteEngines(file)).toEqual(JSON.parse(good));
    await chmod(file, 0o644);
    await expect(readRemoteEngines(file)).rejects.toMatchObject({ code: 'invalid_setting' });
    await expect(readRemoteEngines(path.join(directory.path, 'none'))).rejects.toThrow(/ENOENT/);
  });

  it.each([
    ['[{', 'no JSON'],
    [good.replace('openai', 'other'), '0.kind'],
    [good.replace('https://', 'ftp://'), '0.urls.0'],
    [good.replace('https://', 'https://user:word@'), '0.urls.0'],
    [`[${good.slice(1, -1)},${good.slice(1, -1)}]`, 'same name'],
  ])('is refused where it is wrong, without its values: %#', async (setting, reason) => {
    const problem = await readRemoteEngines(setting).catch((error: Error) => error.message);
    expect(problem).toContain(reason);
    expect(problem).not.toContain(key);
  });
});
