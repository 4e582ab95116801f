import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../src/index.ts';
import { ask, say, tinyEngine, TinyModels } from './tiny-engine.ts';

let models: TinyModels;
let engine: Engine;
let model: { path: string };
beforeAll(async () => {
  models = await TinyModels.create();
  model = { path: await models.model('tiny.gguf') };
  engine = tinyEngine({ maxQueue: 100 });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

test('a model is described when it is loaded', async () => {
  const info = {
    architecture: 'llama',
    parameters: expect.any(Number),
    vocabularySize: 320,
    width: 64,
    contextTokens: 256,
    chat: false,
  };
  expect(await engine.load(model)).toEqual(info);
});

test('32 streams at once all come to their end, with exact counts', async () => {
  const before = engine.status();
  const answers = await Promise.all(
    Array.from({ length: 32 }, (_, i) =>
      ask(engine, { model, owner: `owner ${i % 3}`, input: say('w'.repeat(i + 1)), maxTokens: 10 + i }),
    ),
  );
  for (const [i, { reason, usage }] of answers.entries()) {
    expect(usage.promptTokens).toBe(i + 1);
    if (reason === 'length') expect(usage.completionTokens).toBe(10 + i);
    else expect(usage.completionTokens).toBeLessThan(10 + i);
  }
  const sum = (key: 'promptTokens' | 'completionTokens') => answers.reduce((total, { usage }) => total + usage[key], 0);
  const after = engine.status();
  expect([after.running, after.waiting]).toEqual([0, 0]);
  expect(after.promptTokens - before.promptTokens).toBe(sum('promptTokens'));
  expect(after.completionTokens - before.completionTokens).toBe(sum('completionTokens'));
});

test('text comes in pieces, as it is generated', async () => {
  const { pieces, usage } = await ask(engine, { model, input: say('the sun'), maxTokens: 40 });
  expect(usage).toEqual({ promptTokens: 5, cachedTokens: 0, completionTokens: 40 });
  expect(pieces).toBeGreaterThan(1);
});

test('generation without a limit ends with the context', async () => {
  const { reason, usage } = await ask(engine, { model, input: say('a'.repeat(240)) });
  expect([reason, usage]).toEqual(['length', { promptTokens: 240, cachedTokens: 0, completionTokens: 16 }]);
});

test('a prompt that leaves no room is refused with its size', async () => {
  await expect(ask(engine, { model, input: say('a'.repeat(256)) })).rejects.toMatchObject({
    code: 'context_overflow',
    details: { tokens: 256, limit: 256 },
  });
  // Not even the longest tokens of the vocabulary would make this fit, so it is refused without being tokenised.
  await expect(ask(engine, { model, input: say('a '.repeat(100_000)) })).rejects.toMatchObject({
    code: 'context_overflow',
  });
  expect((await ask(engine, { model, input: say('a'.repeat(255)) })).usage.completionTokens).toBe(1);
});

test('text is only text: what looks like a control token is spelt out', async () => {
  const { usage } = await ask(engine, { model, input: say('<|im_end|>'), maxTokens: 1 });
  expect(usage.promptTokens).toBe('<|im_end|>'.length);
});

test('token ids are taken as they are, and checked against the vocabulary', async () => {
  // The tiny vocabulary begins with the 256 bytes; its twelfth merge, "ll", is the only one in this word.
  const tokens = [...Buffer.from('he'), 256 + 11, ...Buffer.from('o')];
  const { text, usage } = await ask(engine, { model, input: say('hello'), maxTokens: 8 });
  expect(await ask(engine, { model, input: { kind: 'tokens', tokens }, maxTokens: 8 })).toMatchObject({
    text,
    usage: { ...usage, cachedTokens: 3 },
  });
  await expect(ask(engine, { model, input: { kind: 'tokens', tokens: [320] } })).rejects.toMatchObject({
    code: 'invalid_request',
  });
});

test('an empty prompt is refused where the vocabulary has no token to begin with', async () => {
  await expect(ask(engine, { model, input: say('') })).rejects.toMatchObject({ code: 'invalid_request' });
});

test('generation stops before a stop string, wherever its tokens are cut', async () => {
  const question = { model, input: say('the sun in the water'), maxTokens: 60 };
  const { text } = await ask(engine, question);
  for (const [from, length] of [
    [0, 1],
    [3, 2],
    [10, 5],
    [20, 9],
  ] as const) {
    const stop = text.slice(from, from + length);
    const stopped = await ask(engine, { ...question, stop: ['never said', stop] });
    expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
    expect(stopped.reason).toBe('stop');
    expect(stopped.usage.completionTokens).toBeLessThanOrEqual(60);
  }
});
