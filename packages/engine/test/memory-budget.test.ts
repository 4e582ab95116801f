import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../src/index.ts';
import { estimateMemory, planMemory } from '../src/memory-plan.ts';
import { checkModel } from '../src/model-check.ts';
import { ask, endless, long, say, tinyEngine, TinyModels, until } from './tiny-engine.ts';

let models: TinyModels;
beforeAll(async () => {
  models = await TinyModels.create();
});
afterAll(() => models[Symbol.asyncDispose]());

const cacheBytes = 8 << 20;

/** What a tiny engine thinks that a model takes. */
async function estimated(path: string, options: { cacheBytes?: number; maxAdapters?: number } = {}): Promise<number> {
  const file = await checkModel(path);
  const settings = { cacheBytes, maxRunning: 16, maxAdapters: 8, memoryBytes: 2 ** 40, ...options };
  return estimateMemory(file, planMemory(file, settings));
}

const loaded = (engine: Engine) => engine.status().runners.map(({ model }) => model);
const hello = { input: say('hello'), maxTokens: 2 };

test('the estimate is near what a process takes', async () => {
  const small = { path: await models.model('small.gguf', { context: 1 << 16 }) };
  const large = {
    path: await models.model('large.gguf', { dim: 512, layers: 6, heads: 8, kvHeads: 4, ff: 2048, vocabSize: 8192 }),
  };
  for (const [model, bytes] of [
    [small, 8 << 20],
    [small, 256 << 20],
    [large, 8 << 20],
  ] as const) {
    await using engine = tinyEngine({ cacheBytes: bytes, maxAdapters: 1, memoryBytes: 2 ** 40 });
    await ask(engine, { model, ...hello });
    await until(() => engine.status().runners[0]!.running === 0);
    const { residentBytes } = engine.status().runners[0]!;
    const expected = await estimated(model.path, { cacheBytes: bytes, maxAdapters: 1 });
    // It counts a context with an adapter and one for vectors that are not made here, each as large as this one at most.
    expect(residentBytes).toBeLessThan(expected * 1.1);
    expect(residentBytes).toBeGreaterThan(expected / 3);
  }
}, 120_000);

test('a model that does not fit by itself is refused before it is loaded', async () => {
  const model = { path: await models.model('refused.gguf') };
  const needed = await estimated(model.path, { maxAdapters: 1 });
  await using engine = tinyEngine({ maxAdapters: 1, memoryBytes: needed - 1 });
  await expect(ask(engine, { model, ...hello })).rejects.toMatchObject({
    code: 'model_too_large',
    details: { name: 'refused.gguf', limit: Math.ceil((needed - 1) / 2 ** 20) },
  });
  expect(loaded(engine)).toEqual([]);
}, 60_000);

test('the models used least recently make room, and a pinned one stays', async () => {
  const [a, b, c] = await Promise.all(
    ['a.gguf', 'b.gguf', 'c.gguf'].map(async (name) => ({ path: await models.model(name) })),
  );
  const each = await estimated(a!.path, { maxAdapters: 1 });
  await using engine = tinyEngine({ maxAdapters: 1, memoryBytes: 2.5 * each });
  for (const model of [a!, b!, a!, c!]) await ask(engine, { model, ...hello });
  expect(loaded(engine).sort()).toEqual([a!.path, c!.path]);
  {
    using _pin = await engine.pin(a!);
    for (const model of [c!, b!, c!, b!]) await ask(engine, { model, ...hello });
    expect(loaded(engine).sort()).toEqual([a!.path, b!.path]);
  }
  for (const model of [b!, c!]) await ask(engine, { model, ...hello });
  expect(loaded(engine).sort()).toEqual([b!.path, c!.path]);
}, 120_000);

test('who needs the place of a pinned model is told so, also when it waited for it before', async () => {
  const busy = { path: await models.model('busy.gguf', long) };
  const other = { path: await models.model('other.gguf') };
  const memoryBytes = 1.5 * (await estimated(busy.path, { maxAdapters: 1 }));
  await using engine = tinyEngine({ maxAdapters: 1, memoryBytes });
  const leave = new AbortController();
  const running = ask(engine, { model: busy, ...endless }, leave.signal).catch(() => 'left');
  await until(() => engine.status().runners.some(({ state }) => state === 'ready'));
  const waiting = ask(engine, { model: other, ...hello }).catch((error: unknown) => error);
  const pin = await engine.pin(busy);
  expect(await waiting).toMatchObject({ code: 'model_too_large' });
  leave.abort();
  expect(await running).toBe('left');
  pin[Symbol.dispose]();
  expect((await ask(engine, { model: other, ...hello })).usage.completionTokens).toBe(2);
}, 120_000);
