import { writeTinyBert } from '@atelier/llama/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbedRequest, Engine, LocalModelRef } from '../src/index.ts';
import { largestDifference, pooledBy, tolerance, unit } from './hidden-states.ts';
import { ask, say, tinyEngine, TinyModels, until } from './tiny-engine.ts';

let models: TinyModels;
let engine: Engine;
let decoder: LocalModelRef;
let adapted: LocalModelRef;
let bert: LocalModelRef;
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine({ maxRunning: 4 });
  decoder = { path: await models.model('decoder.gguf', { context: 1024 }) };
  adapted = { ...decoder, adapter: { path: await models.adapter('adapter.gguf') } };
  bert = { path: models.file('bert.gguf') };
  await writeTinyBert(bert.path, { pooling: 'cls' });
}, 60_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

const texts = ['the sun', 'a', 'the moon is good and the sun is warmer than it', 'x '.repeat(50).trim(), 'bad moon'];
const inputs = texts.map(say) as EmbedRequest['inputs'];
const vectorsOf = async (request: Omit<EmbedRequest, 'owner'> & { owner?: string }, signal?: AbortSignal) =>
  (await engine.embed({ owner: 'test', ...request }, signal)).vectors;

test.each(['mean', 'last', 'cls'] as const)(
  'vectors pooled by %s are those of libllama',
  async (pooling) => {
    for (const [model, options] of [
      [decoder, { pooling }],
      [adapted, { pooling, adapter: adapted.adapter!.path }],
      [bert, { pooling }],
    ] as const) {
      const most = model === bert ? tolerance.gelu : tolerance.decoder;
      const expected = pooledBy(model.path, texts, options);
      const vectors = await vectorsOf({ model, inputs, pooling });
      const plain = await vectorsOf({ model, inputs, pooling, normalise: false });
      for (const [index, vector] of vectors.entries()) {
        expect(largestDifference(vector, unit(expected[index]!))).toBeLessThan(most);
        expect(largestDifference(plain[index]!, expected[index]!)).toBeLessThan(10 * most);
      }
    }
  },
  120_000,
);

test('a file says how its vectors are pooled; where it does not, it is the mean', async () => {
  for (const [model, pooling] of [
    [bert, 'cls'],
    [decoder, 'mean'],
  ] as const) {
    const given = await vectorsOf({ model, inputs, pooling });
    for (const [index, vector] of (await vectorsOf({ model, inputs })).entries())
      expect(largestDifference(vector, given[index]!)).toBeLessThan(tolerance.gelu);
  }
}, 60_000);

test('a text longer than a step, among others, is what it is alone', async () => {
  const long = say('the sun goes on '.repeat(45)) as EmbedRequest['inputs'][number];
  const mixed = [inputs[0]!, long, ...inputs.slice(1), long];
  for (const pooling of ['mean', 'last', 'cls'] as const) {
    const together = await vectorsOf({ model: decoder, inputs: mixed, pooling });
    for (const [index, input] of mixed.entries()) {
      const [alone] = await vectorsOf({ model: decoder, inputs: [input], pooling });
      expect(largestDifference(together[index]!, alone!)).toBeLessThan(1e-5);
    }
  }
}, 120_000);

test.each(['decoder', 'bert'])(
  'thousands of inputs for a %s, in order and counted',
  async (name) => {
    const model = name === 'bert' ? bert : decoder;
    const many = Array.from({ length: 1500 }, (_, index) => inputs[(index * index) % inputs.length]!);
    const single = await Promise.all(inputs.map((input) => engine.embed({ owner: 'test', model, inputs: [input] })));
    const { vectors, usage } = await engine.embed({ owner: 'test', model, inputs: many });
    expect(vectors).toHaveLength(many.length);
    expect(
      Math.max(...vectors.map((vector, index) => largestDifference(vector, single[(index * index) % 5]!.vectors[0]!))),
    ).toBeLessThan(tolerance[name === 'bert' ? 'gelu' : 'decoder']);
    const tokens = single.map((each) => each.usage.promptTokens);
    expect(usage.promptTokens).toBe(many.reduce((sum, _, index) => sum + tokens[(index * index) % 5]!, 0));
  },
  180_000,
);

test('messages and tokens are inputs, too', async () => {
  const template = '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}';
  const model = { path: await models.model('chat.gguf', { chatTemplate: template }) };
  const [conversation, text, tokens] = await vectorsOf({
    model,
    inputs: [
      { kind: 'chat', messages: [{ role: 'user', content: 'hello' }] },
      { kind: 'text', text: 'user: hello\n' },
      {
        kind: 'tokens',
        tokens: (await engine.tokenize({ owner: 'test', model, input: say('user: hello\n'), tokens: true })).tokens!,
      },
    ],
  });
  expect(largestDifference(conversation!, text!)).toBeLessThan(1e-6);
  expect(largestDifference(tokens!, text!)).toBeLessThan(1e-6);
}, 60_000);

test('a vector is cut before it is normalised', async () => {
  const [whole] = await vectorsOf({ model: decoder, inputs, normalise: false });
  const [cut] = await vectorsOf({ model: decoder, inputs, dimensions: 16 });
  expect(largestDifference(cut!, unit(whole!.slice(0, 16)))).toBeLessThan(1e-6);
  const [bits] = await vectorsOf({ model: decoder, inputs, dimensions: 16, form: 'ubinary' });
  expect(bits).toHaveLength(2);
});

test('whoever leaves, leaves at once, and the others get theirs', async () => {
  const many = Array.from({ length: 4000 }, (_, index) => inputs[index % inputs.length]!);
  const abort = new AbortController();
  const left = vectorsOf({ model: decoder, inputs: many }, abort.signal);
  await until(() => engine.status().running > 0);
  const other = vectorsOf({ model: decoder, inputs, owner: 'other' });
  abort.abort();
  await expect(left).rejects.toMatchObject({ code: 'cancelled' });
  expect(await other).toHaveLength(inputs.length);
  await until(() => engine.status().running === 0);
}, 60_000);

test('a large request lets those of other owners and generations in between', async () => {
  await using narrow = tinyEngine({ maxRunning: 1 });
  const order: string[] = [];
  const many = Array.from({ length: 1200 }, (_, index) => inputs[index % inputs.length]!);
  const large = narrow.embed({ owner: 'large', model: decoder, inputs: many }).then(() => order.push('large'));
  await until(() => narrow.status().running > 0);
  await Promise.all([
    large,
    narrow.embed({ owner: 'small', model: decoder, inputs }).then(() => order.push('small')),
    ask(narrow, { model: decoder, input: say('the sun'), maxTokens: 2, owner: 'third' }).then(() =>
      order.push('third'),
    ),
  ]);
  expect(order.at(-1)).toBe('large');
}, 120_000);

test('an encoder is loaded in advance, and says no text', async () => {
  expect(await engine.load(bert)).toMatchObject({ architecture: 'bert', width: 64 });
  await expect(ask(engine, { model: bert, input: say('x') })).rejects.toMatchObject({ code: 'invalid_request' });
  expect(await vectorsOf({ model: bert, inputs })).toHaveLength(inputs.length);
}, 60_000);

test.each([
  ['no inputs', { inputs: [] }],
  ['an empty text', { inputs: [...inputs, say('')] }],
  ['a token that there is not', { inputs: [{ kind: 'tokens', tokens: [320] }] }],
  ['a negative token', { inputs: [{ kind: 'tokens', tokens: [-1] }] }],
  ['no dimensions', { dimensions: 0 }],
  ['half a dimension', { dimensions: 1.5 }],
  ['more dimensions than there are', { dimensions: 65 }],
  ['an unknown pooling', { pooling: 'max' }],
  ['an unknown form', { form: 'int4' }],
  ['small numbers of a vector without bounds', { form: 'int8', normalise: false }],
  ['too many inputs', { inputs: Array.from({ length: 20_000 }, () => inputs[1]!) }],
])('%s are refused', async (_, change) => {
  const request = { model: decoder, inputs, ...change } as EmbedRequest;
  await expect(vectorsOf(request)).rejects.toMatchObject({ code: 'invalid_request' });
  expect(engine.status().crashes).toBe(0);
});

test('what is too long is refused, or cut where that is wanted', async () => {
  for (const model of [decoder, bert]) {
    const limit = model === bert ? 128 : 1024;
    const input = say('the moon '.repeat(20_000)) as EmbedRequest['inputs'][number];
    await expect(vectorsOf({ model, inputs: [input] })).rejects.toMatchObject({
      code: 'context_overflow',
      details: { limit },
    });
    const { usage } = await engine.embed({ owner: 'test', model, inputs: [input], truncate: true });
    expect(usage.promptTokens).toBe(limit);
  }
}, 60_000);
