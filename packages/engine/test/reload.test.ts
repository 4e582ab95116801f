import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask, endless, long, say, tinyEngine, TinyModels, until } from './tiny-engine.ts';

let models: TinyModels;
beforeAll(async () => {
  models = await TinyModels.create();
});
afterAll(() => models[Symbol.asyncDispose]());

test('a model that is asked for while its runner leaves is loaded again once, by one runner', async () => {
  await using engine = tinyEngine({ maxRunners: 1 });
  const model = { path: await models.model('a.gguf') };
  const question = { model, owner: 'owner', input: say('hello'), maxTokens: 4 };
  await ask(engine, question);
  const unloaded = engine.unload(model);
  const during = ask(engine, question);
  await unloaded;
  const after = ask(engine, question);
  expect((await Promise.all([during, after])).map(({ usage }) => usage.completionTokens)).toEqual([4, 4]);
}, 20_000);

test('a model whose only asker left before it was loaded makes room for another', async () => {
  await using engine = tinyEngine({ maxRunners: 1 });
  const busy = { path: await models.model('busy.gguf', long) };
  const left = { path: await models.model('left.gguf') };
  const wanted = { path: await models.model('wanted.gguf') };
  const leave = [new AbortController(), new AbortController()] as const;
  const running = ask(engine, { model: busy, ...endless }, leave[0].signal).catch(() => 'left');
  await until(() => engine.status().runners.some(({ state }) => state === 'ready'));
  const asked = ask(engine, { model: left, input: say('hello') }, leave[1].signal).catch(() => 'left');
  await sleep(200);
  leave[1].abort();
  expect(await asked).toBe('left');
  const answer = ask(engine, { model: wanted, input: say('hello'), maxTokens: 4 });
  await sleep(200);
  leave[0].abort();
  expect(await running).toBe('left');
  expect((await answer).usage.completionTokens).toBe(4);
}, 20_000);
