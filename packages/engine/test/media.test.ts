import { afterAll, expect, test } from 'vitest';
import type { GenerateRequest } from '../src/index.ts';
import { ask, tinyEngine } from './tiny-engine.ts';

const engine = tinyEngine();
afterAll(() => engine[Symbol.asyncDispose]());

const model = { path: 'nowhere.gguf' };
const saying = (content: unknown) =>
  ({ kind: 'chat', messages: [{ role: 'user', content }] }) as Extract<GenerateRequest['input'], { kind: 'chat' }>;

test.each([
  ['image', { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }],
  ['image', { type: 'image', source: {} }],
  ['audio', { type: 'input_audio', input_audio: {} }],
])('a message with %s content is refused by name, before a model is loaded', async (type, part) => {
  const content = [{ type: 'text', text: 'What is this?' }, part];
  const refusal = { code: 'unsupported_content', details: { type, reason: expect.stringContaining('libmtmd') } };
  await expect(ask(engine, { model, input: saying(content) })).rejects.toMatchObject(refusal);
  await expect(engine.tokenize({ owner: 'test', model, input: saying(content) })).rejects.toMatchObject(refusal);
  await expect(engine.embed({ model, owner: 'a', inputs: [saying(content)] })).rejects.toMatchObject(refusal);
});

test.each([[[{ type: 'text', text: 'x' }]], [[null]], [7], [[{ type: 4 }]]])(
  'content that is no text is a request of a wrong form: %j',
  async (content) => {
    await expect(ask(engine, { model, input: saying(content) })).rejects.toMatchObject({ code: 'invalid_request' });
  },
);
