import { createEngine } from '@atelier/engine';
import { expect, it } from 'vitest';
import { childEnvironment } from '../src/config/environment.ts';
import { eventually } from './support/emissary-objects.ts';
import { emissaryServer } from './support/emissary-server.ts';
import { silent, testDatabases } from './support/test-databases.ts';

it('are loaded at the start and stay, whatever cannot be; the server is ready when that is done', async () => {
  await using databases = await testDatabases();
  const options = { environment: childEnvironment(), gpu: 'off', threads: 1, logger: silent.engine } as const;
  await using engine = createEngine({ ...options, idleUnloadMs: 50 });
  const environment = {
    ATELIER_TRAINING_JOBS: '0',
    ATELIER_MODEL_ALIASES: 'chat=tiny-chat',
    ATELIER_PINNED_MODELS: 'none,chat',
  };
  await using server = await emissaryServer(databases, environment, { engine });
  await eventually(
    async () => (await server.inject('/readyz')).json(),
    ({ status }) => status === 'ready',
  );
  const loaded = () => engine.status().runners.map(({ model }) => model.split('/').at(-1));
  expect(loaded()).toEqual(['tiny-chat.gguf']);
  const answer = await server.inject({
    method: 'POST',
    url: '/openai/v1/completions',
    headers: { authorization: `Bearer ${server.adminKey}` },
    payload: { model: 'tiny-raw', prompt: 'Once', max_tokens: 1 },
  });
  expect(answer.statusCode).toBe(200);
  // Both have nothing to do; the other one goes.
  await eventually(
    async () => loaded(),
    (names) => names.length === 1,
  );
  expect(loaded()).toEqual(['tiny-chat.gguf']);
}, 120_000);
