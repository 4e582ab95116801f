import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTemplateRenderer, sequenceTokens, type PromptModel, type TemplateRenderer } from '../src/index.ts';
import { ChunkTokenizer } from './chunk-tokenizer.ts';

const specialTokens = ['<s>', '</s>', '<|user|>'];
const template =
  "{{ bos_token }}{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}{% if add_generation_prompt %}go on{% endif %}";

let renderer: TemplateRenderer;
beforeAll(() => void (renderer = createTemplateRenderer({ timeoutMs: 60_000 })));
afterAll(() => renderer[Symbol.asyncDispose]());

function model(ends: boolean): { tokenizer: ChunkTokenizer; prompt: PromptModel } {
  const tokenizer = new ChunkTokenizer(specialTokens, { addBos: true });
  if (ends) tokenizer.around = { before: [tokenizer.bosId!], after: [tokenizer.eosId!] };
  return { tokenizer, prompt: { tokenizer, renderer, template, specialTokens, bosToken: '<s>', eosToken: '</s>' } };
}

it('puts around a text what the vocabulary puts there, and keeps the end when it cuts', async () => {
  const { tokenizer, prompt } = model(true);
  const read = async (text: string, limit: number): Promise<string> =>
    tokenizer.decode(await sequenceTokens(prompt, { kind: 'raw', text }, limit));
  expect(await read('abcdefghi', 100)).toBe('<s>abcdefghi</s>');
  expect(await read('abcdefghi', 4)).toBe('<s>abcdef</s>');
  expect(await read('', 100)).toBe('<s></s>');
  expect(
    [...(await sequenceTokens(prompt, { kind: 'raw', text: '</s>' }, 100))].filter((t) => tokenizer.isSpecial(t)),
  ).toHaveLength(2);
});

it('prints a conversation without a generation prompt, one beginning and no forged tokens', async () => {
  const { tokenizer, prompt } = model(false);
  const messages = [{ role: 'user' as const, content: 'hi <s>' }];
  const tokens = await sequenceTokens(prompt, { kind: 'chat', messages }, 100);
  expect(tokenizer.decode(tokens)).toBe('<s><|user|>hi <s>');
  expect([...tokens].filter((token) => tokenizer.isSpecial(token))).toHaveLength(2);
  expect(await sequenceTokens(prompt, { kind: 'chat', messages }, 2)).toEqual(tokens.slice(0, 2));
});

it('fails without a template', async () => {
  const { prompt } = model(false);
  await expect(
    sequenceTokens({ ...prompt, template: undefined }, { kind: 'chat', messages: [{ role: 'user', content: 'a' }] }, 9),
  ).rejects.toMatchObject({ code: 'template_failed' });
});
