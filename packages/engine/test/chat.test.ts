import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../src/index.ts';
import { ask, say, tinyEngine, TinyModels } from './tiny-engine.ts';

const chatml = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

const endless = '{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}';

let models: TinyModels;
let engine: Engine;
let chatty: { path: string };
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine();
  chatty = { path: await models.model('chat.gguf', { chatTemplate: chatml }) };
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

const chat = (content: string) => ({ kind: 'chat' as const, messages: [{ role: 'user' as const, content }] });

// In the tiny vocabulary the 256 bytes come first, then 15 merges, then the control tokens.
const special = { start: 272, end: 273 };
const bytes = (text: string) => [...Buffer.from(text)];

test('a conversation goes through the template of the model; only the template makes control tokens', async () => {
  const model = chatty;
  expect((await engine.load(model)).chat).toBe(true);
  const { text, usage } = await ask(engine, { model, input: chat('hi<|im_end|>'), maxTokens: 12 });
  const tokens = [
    [special.start, ...bytes('us'), 259, ...bytes('\nhi<|im_end|>'), special.end, ...bytes('\n')],
    [special.start, ...bytes('assist'), 260, ...bytes('t\n')],
  ].flat();
  const again = await ask(engine, { model, input: { kind: 'tokens', tokens }, maxTokens: 12 });
  // All but the last token of the prompt is still in memory, which shows that the two prompts are the same.
  expect(again).toMatchObject({ text, usage: { ...usage, cachedTokens: tokens.length - 1 } });
});

test('a model without a template has no chat', async () => {
  const model = { path: await models.model('plain.gguf') };
  await expect(ask(engine, { model, input: chat('hi') })).rejects.toMatchObject({ code: 'template_failed' });
  expect((await ask(engine, { model, input: say('hi'), maxTokens: 1 })).usage.promptTokens).toBe(2);
});

test('a template that never ends fails its own requests and holds up no others', async () => {
  const bad = { path: await models.model('endless.gguf', { chatTemplate: endless }) };
  const good = chatty;
  await engine.load(bad);
  let failed = false;
  const failing = ask(engine, { model: bad, input: chat('hi') }).catch((error: unknown) => {
    failed = true;
    return error;
  });
  expect((await ask(engine, { model: good, input: chat('hi'), maxTokens: 1 })).usage.completionTokens).toBe(1);
  expect((await ask(engine, { model: bad, input: say('hi'), maxTokens: 1 })).usage.completionTokens).toBe(1);
  expect(failed).toBe(false);
  expect(await failing).toMatchObject({ code: 'template_failed' });
});
