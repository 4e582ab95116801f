import { setTimeout as delay } from 'node:timers/promises';
import { MetadataReader, readGguf, readTensor, writeGguf } from '@atelier/llama/gguf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine, GenerateEvent } from '../src/index.ts';
import { ask, endless, long, say, tinyEngine, TinyModels, until } from './tiny-engine.ts';

let models: TinyModels;
let engine: Engine;
let model: { path: string };
beforeAll(async () => {
  models = await TinyModels.create();
  model = { path: await models.model('tiny.gguf', long) };
  engine = tinyEngine({ maxRunning: 2, maxQueue: 3 });
  await engine.load(model);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

/** A generation that goes on until it is stopped, for which the returned promise waits. */
function occupy(owner = 'a', signal?: AbortSignal): Promise<GenerateEvent | undefined> {
  return (async () => {
    let last: GenerateEvent | undefined;
    for await (const event of engine.generate({ model, owner, ...endless }, signal)) last = event;
    return last;
  })();
}

test('what exceeds the limits is refused at once, and told when to come back', async () => {
  const stop = new AbortController();
  const inside = [1, 2, 3, 4, 5].map(() => occupy('a', stop.signal));
  for (const stream of inside) stream.catch(() => {});
  await until(() => engine.status().running === 2 && engine.status().waiting === 3);
  await expect(ask(engine, { model, owner: 'a', input: say('hi') })).rejects.toMatchObject({
    code: 'too_many_requests',
    details: { waiting: 3, retryAfter: expect.any(Number) },
  });
  stop.abort();
  for (const stream of inside) await expect(stream).rejects.toMatchObject({ code: 'cancelled' });
  await until(() => engine.status().runners[0]!.running === 0);
  expect(engine.status()).toMatchObject({ running: 0, waiting: 0 });
});

test('an owner who asks once is served before one who floods', async () => {
  const order: string[] = [];
  const short = (owner: string) =>
    ask(engine, { model, owner, input: say('hi'), maxTokens: 60 }).then(() => order.push(owner));
  const flood = [1, 2, 3, 4, 5].map(() => short('flood'));
  const outcomes = Promise.allSettled(flood);
  await until(() => engine.status().waiting === 3);
  await short('rare');
  expect(order.filter((owner) => owner === 'flood').length).toBeLessThan(4);
  await outcomes;
});

test('leaving the loop frees the place, and the runner stops generating within a step', async () => {
  for await (const event of engine.generate({ model, owner: 'a', ...endless })) {
    expect(event.type).toBe('text');
    break;
  }
  expect(engine.status().running).toBe(0);
  // The cancellation goes to the runner before this request does, so nothing else is computed after it.
  await ask(engine, { model, input: say('hi'), maxTokens: 2 });
  const { completionTokens, runners } = engine.status();
  expect(runners[0]!.running).toBe(0);
  await delay(100);
  expect(engine.status().completionTokens).toBe(completionTokens);
});

/** A tiny model whose unused tokens have become texts of 4,000 characters. */
async function verboseModel(): Promise<string> {
  const { metadata, tensors } = await readGguf(model.path);
  const reader = new MetadataReader(metadata, model.path);
  const tokens = reader.strings('tokenizer.ggml.tokens')!;
  const types = reader.numbers('tokenizer.ggml.token_type')!;
  const unused = (index: number) => tokens[index]!.startsWith('<|unused');
  metadata.set('tokenizer.ggml.tokens', {
    type: 'ARRAY',
    items: 'STRING',
    value: tokens.map((token, i) => (unused(i) ? `${i}`.repeat(1334) : token)),
  });
  metadata.set('tokenizer.ggml.token_type', {
    type: 'ARRAY',
    items: 'INT32',
    value: types.map((type, i) => (unused(i) ? 1 : type)),
  });
  const sources = tensors.map((tensor) => ({ ...tensor, data: () => readTensor(model.path, tensor) }));
  await writeGguf(models.file('verbose.gguf'), { metadata: [...metadata], tensors: sources });
  return models.file('verbose.gguf');
}

test('a consumer that does not read holds a megabyte at most, and its generation is cancelled', async () => {
  const verbose = { path: await verboseModel() };
  for (let token = 0; ; token++) {
    const question = { model: verbose, input: { kind: 'tokens' as const, tokens: [token] } };
    if ((await ask(engine, { ...question, maxTokens: 1 })).text.length < 4000) continue;
    const stream = engine.generate({ ...question, owner: 'a', sampling: endless.sampling })[Symbol.asyncIterator]();
    await stream.next();
    const runner = () => engine.status().runners.find(({ model: path }) => path === verbose.path)!;
    const before = runner().completionTokens;
    await until(() => runner().running === 0);
    await expect(stream.next()).rejects.toMatchObject({ code: 'cancelled' });
    await ask(engine, { ...question, maxTokens: 1 });
    expect((runner().completionTokens - before) * 4000).toBeLessThan(1.5 * 2 ** 20);
    return;
  }
});

test('a signal that was aborted before starts nothing', async () => {
  await expect(occupy('a', AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
});

test.each([-1, 0, 0.5, 2 ** 31, 2 ** 53, NaN, Infinity, 1e308, '1', null])(
  '%s is no number of tokens',
  async (maxTokens) => {
    await expect(ask(engine, { model, input: say('x'), maxTokens: maxTokens as number })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  },
);

test.each([
  'temperature',
  'topK',
  'topP',
  'minP',
  'seed',
  'repeatPenalty',
  'frequencyPenalty',
  'presencePenalty',
  'noRepeatNgramSize',
])('an absurd %s is refused', async (name) => {
  for (const value of [-1e9, 2 ** 53, NaN, Infinity, 1e308, '1', null]) {
    const sampling = { [name]: value };
    await expect(ask(engine, { model, input: say('x'), sampling })).rejects.toMatchObject({ code: 'invalid_request' });
  }
});

test('a prompt of megabytes is refused before it reaches the runner', async () => {
  await expect(ask(engine, { model, input: say('x'.repeat(5 << 20)) })).rejects.toMatchObject({
    code: 'payload_too_large',
  });
});

test('what one step gives arrives whole, also when it is more than one message', async () => {
  await using wide = tinyEngine({ maxRunning: 32 });
  const verbose = { path: await verboseModel() };
  const question = { model: verbose, owner: 'a', input: { kind: 'tokens' as const, tokens: [1, 2, 3] } };
  const generation = { choices: 32, maxTokens: 3, logprobs: 20, sampling: { temperature: 5, seed: 1 } };
  const events = await Array.fromAsync(wide.generate({ ...question, ...generation }));
  const bytes = Buffer.byteLength(JSON.stringify(events));
  expect(bytes / generation.maxTokens).toBeGreaterThan(1.5 * 2 ** 20);
  const finishes = events.filter((event) => event.type === 'finish');
  expect(finishes).toHaveLength(32);
  const reported = events.flatMap((event) => (event.type === 'text' ? (event.logprobs ?? []) : []));
  expect(reported).toHaveLength(finishes.reduce((sum, { usage }) => sum + usage.completionTokens, 0));
});
