import { writeFile } from 'node:fs/promises';
import { encodeHead, type Head } from '@atelier/data';
import { writeTinyBert } from '@atelier/llama/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClassifyRequest, Engine } from '../src/index.ts';
import { largestDifference, pooledBy, unit } from './hidden-states.ts';
import { say, tinyEngine, TinyModels } from './tiny-engine.ts';

const width = 64;
let models: TinyModels;
let engine: Engine;
let path: string;
let adapter: string;
let bert: string;
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine();
  path = await models.model('model.gguf');
  adapter = await models.adapter('adapter.gguf');
  bert = models.file('bert.gguf');
  await writeTinyBert(bert);
}, 60_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

const head: Head = {
  task: 'classification',
  pooling: 'last',
  normalise: false,
  width,
  targets: [
    { name: 'tone', kind: 'single', labels: ['good', 'bad', 'neither'] },
    { name: 'topics', kind: 'multi', labels: ['sun', 'moon'] },
    { name: 'stars', kind: 'scalar', labels: [] },
  ],
  weight: Float32Array.from({ length: 6 * width }, (_, index) => Math.sin(index * 1.7) / 4),
  bias: Float32Array.from([0.1, -0.2, 0.3, 0, 0.5, 2]),
};
async function headFile(name: string, change: Partial<Head> = {}): Promise<string> {
  await writeFile(models.file(name), JSON.stringify(encodeHead({ ...head, ...change })));
  return models.file(name);
}

const texts = ['the sun', 'a', 'the moon is good and the sun is warmer than it', 'bad moon'];
const inputs = texts.map(say) as ClassifyRequest['inputs'];

/** The formula of head.json, written down once more. */
function direct(hidden: Float32Array): number[][] {
  const raw = Array.from(head.bias, (bias, output) =>
    hidden.reduce((sum, x, index) => sum + x * head.weight[output * width + index]!, bias),
  );
  const powers = raw.slice(0, 3).map(Math.exp);
  const total = powers[0]! + powers[1]! + powers[2]!;
  return [powers.map((power) => power / total), raw.slice(3, 5).map((x) => 1 / (1 + Math.exp(-x))), [raw[5]!]];
}

test('probabilities and numbers are those of the head on the hidden states, with an adapter and without', async () => {
  for (const pooling of ['last', 'mean', 'cls'] as const) {
    const file = await headFile(`${pooling}.json`, { pooling });
    for (const [model, options] of [
      [{ path }, { pooling }],
      [
        { path, adapter: { path: adapter } },
        { pooling, adapter },
      ],
      [{ path: bert }, { pooling }],
    ] as const) {
      const { results, task, usage } = await engine.classify({
        owner: 'test',
        model: { ...model, head: { path: file } },
        inputs,
      });
      expect([task, results.length, usage.promptTokens > texts.length]).toEqual(['classification', 4, true]);
      for (const [index, hidden] of pooledBy(model.path, texts, options).entries()) {
        const scores = results[index]!;
        expect(scores.map(({ name, kind, labels }) => ({ name, kind, labels }))).toEqual(head.targets);
        for (const [target, expected] of direct(hidden).entries())
          expect(largestDifference(scores[target]!.values, expected)).toBeLessThan(model.path === bert ? 5e-3 : 1e-4);
      }
    }
  }
}, 120_000);

test('thousands of inputs, in order', async () => {
  const model = { path, head: { path: await headFile('many.json') } };
  const single = await engine.classify({ owner: 'test', model, inputs });
  const many = Array.from({ length: 2000 }, (_, index) => inputs[(index * index) % 4]!);
  const { results } = await engine.classify({ owner: 'test', model, inputs: many });
  const values = (each: (typeof results)[number]) => each.flatMap((target) => target.values);
  const differences = results.map((each, index) =>
    largestDifference(values(each), values(single.results[(index * index) % 4]!)),
  );
  expect(differences).toHaveLength(2000);
  expect(Math.max(...differences)).toBeLessThan(1e-4);
}, 120_000);

test('a head that has changed is read again', async () => {
  const model = { path, head: { path: await headFile('changing.json') } };
  const before = await engine.classify({ owner: 'test', model, inputs });
  await headFile('changing.json', { bias: new Float32Array([0, 0, 0, 0, 0, 7.25]) });
  const after = await engine.classify({ owner: 'test', model, inputs });
  expect(after.results[0]![2]!.values[0]! - before.results[0]![2]!.values[0]!).toBeCloseTo(5.25, 4);
});

test('long conversations are cut as in training', async () => {
  const model = { path, head: { path: await headFile('long.json') } };
  const { usage } = await engine.classify({ owner: 'test', model, inputs: [say('a '.repeat(5000)) as never] });
  expect(usage.promptTokens).toBe(256);
});

test('the head of an embedding model says how its vectors are made', async () => {
  const embedding: Partial<Head> = {
    task: 'embedding',
    targets: [],
    weight: new Float32Array(),
    bias: new Float32Array(),
  };
  const hidden = pooledBy(path, texts, { pooling: 'cls' });
  for (const normalise of [true, false]) {
    const file = await headFile('embedding.json', { ...embedding, pooling: 'cls', normalise });
    const { vectors } = await engine.embed({ owner: 'test', model: { path, head: { path: file } }, inputs });
    for (const [index, vector] of vectors.entries())
      expect(largestDifference(vector, normalise ? unit(hidden[index]!) : hidden[index]!)).toBeLessThan(1e-4);
  }
  const model = { path, head: { path: models.file('embedding.json') } };
  await expect(engine.classify({ owner: 'test', model, inputs })).rejects.toMatchObject({ code: 'invalid_request' });
});

test.each([
  ['that is missing', async () => models.file('nowhere.json')],
  ['that is a directory', async () => models.directory],
  ['that is no head', async () => path],
  ['of another width', () => headFile('wide.json', { width: 32, weight: head.weight.slice(0, 6 * 32) })],
  [
    'with labels beyond a message',
    () =>
      headFile('wordy.json', {
        targets: [{ name: 'x', kind: 'multi', labels: Array.from({ length: 300 }, () => 'x'.repeat(1000)) }],
        weight: new Float32Array(300 * width),
        bias: new Float32Array(300),
      }),
  ],
])('a head %s is refused, and the model goes on', async (_, file) => {
  const model = { path, head: { path: await file() } };
  await expect(engine.classify({ owner: 'test', model, inputs })).rejects.toMatchObject({ code: 'invalid_model_file' });
  expect((await engine.embed({ owner: 'test', model: { path }, inputs })).vectors).toHaveLength(4);
  expect(engine.status().crashes).toBe(0);
});

test('without a head there is nothing to say', async () => {
  const request = { owner: 'test', model: { path }, inputs } as ClassifyRequest;
  await expect(engine.classify(request)).rejects.toMatchObject({ code: 'invalid_request' });
});
