import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeGguf } from '@atelier/llama/gguf';
import type { Engine, LocalModelRef } from '../src/index.ts';
import { ask, say, tinyEngine, TinyModels } from './tiny-engine.ts';

let models: TinyModels;
let engine: Engine;
let base: LocalModelRef;
const adapted: LocalModelRef[] = [];
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine({ maxAdapters: 2 });
  base = { path: await models.model('base.gguf') };
  for (const seed of [1, 2, 3])
    adapted.push({ ...base, adapter: { path: await models.adapter(`${seed}.gguf`, { seed }) } });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

const answer = async (model: LocalModelRef) =>
  (await ask(engine, { model, input: say('the sun'), maxTokens: 12 })).text;

test('a base model and its adapters answer side by side, each in its own way', async () => {
  const refs = [base, adapted[0]!, adapted[1]!];
  const alone = [];
  for (const ref of refs) alone.push(await answer(ref));
  expect(new Set(alone).size).toBe(3);
  const together = await Promise.all([...refs, ...refs, ...refs].map(answer));
  expect(together).toEqual([...alone, ...alone, ...alone]);
  expect(engine.status().runners).toHaveLength(1);
});

test('an adapter of scale 0 changes nothing', async () => {
  const model = { ...base, adapter: { path: adapted[0]!.adapter!.path, scale: 0 } };
  expect(await answer(model)).toBe(await answer(base));
});

test('more adapters than fit take turns', async () => {
  const texts = await Promise.all([...adapted, ...adapted].map(answer));
  expect(texts.slice(3)).toEqual(texts.slice(0, 3));
  expect(new Set(texts).size).toBe(3);
  expect(engine.status().runners[0]!.adapters).toHaveLength(2);
});

test('an adapter is loaded in advance', async () => {
  await engine.load(adapted[2]!);
  expect(engine.status().runners[0]!.adapters).toContain(adapted[2]!.adapter!.path);
});

test.each([
  ['is a model', async () => base.path],
  ['is for another shape', () => models.adapter('wide.gguf', { dim: 128 })],
  ['is for more layers', () => models.adapter('deep.gguf', { layers: 3 })],
  ['is missing', async () => models.file('nowhere.gguf')],
  [
    'has an alpha that native code would abort on',
    async () => {
      const metadata = [
        ['general.architecture', { type: 'STRING', value: 'llama' }],
        ['general.type', { type: 'STRING', value: 'adapter' }],
        ['adapter.type', { type: 'STRING', value: 'lora' }],
        ['adapter.lora.alpha', { type: 'STRING', value: 'eight' }],
      ] as const;
      await writeGguf(models.file('alpha.gguf'), { metadata, tensors: [] });
      return models.file('alpha.gguf');
    },
  ],
])('an adapter file that %s is refused, and the model goes on', async (_, file) => {
  const model = { ...base, adapter: { path: await file() } };
  await expect(ask(engine, { model, input: say('x') })).rejects.toMatchObject({ code: 'invalid_model_file' });
  expect((await ask(engine, { model: base, input: say('x'), maxTokens: 2 })).usage.promptTokens).toBe(1);
  expect(engine.status().crashes).toBe(0);
});
