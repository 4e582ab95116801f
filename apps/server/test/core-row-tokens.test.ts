import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createRowBuilder, createTemplateRenderer, type DatasetRecord, readRecords } from '@atelier/data';
import { LlamaModel } from '@atelier/llama';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { averageRowTokens } from '../src/core/training/row-tokens.ts';
import { chatTemplate } from './support/chat-template.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const stack = new AsyncDisposableStack();
let directory: string;
let model: string;
beforeAll(async () => {
  directory = stack.use(await temporaryDirectory()).path;
  model = path.join(directory, 'tiny.gguf');
  await writeTinyModel(model, { chatTemplate });
});
afterAll(() => stack.disposeAsync());

async function fileOf(records: DatasetRecord[]): Promise<string> {
  const file = path.join(directory, 'records.jsonl');
  await writeFile(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  return file;
}

/** What the tuner makes of the rows, with the model's real tokeniser. */
async function exactRowTokens(file: string, modelFile: string, promptFormat: 'chat' | 'raw'): Promise<number> {
  using loaded = LlamaModel.load(modelFile, { vocabOnly: true });
  await using renderer = createTemplateRenderer();
  const specials = loaded.vocab.specialTokens();
  const { eos } = loaded.vocab;
  const builder = createRowBuilder({
    tokenizer: {
      encode: (text, { parseSpecial }) => loaded.vocab.tokenize(text, { addSpecial: false, parseSpecial }),
      specialId: (text) => specials.find((special) => special.text === text)?.id,
      ...(eos !== undefined && { eosId: eos }),
      addBos: false,
      around: { before: [], after: [] },
    },
    renderer,
    template: chatTemplate,
    promptFormat,
    specialTokens: specials.map(({ text }) => text),
    bosToken: '',
    eosToken: '',
  });
  let [rows, tokens] = [0, 0];
  for await (const row of builder.rows(readRecords(file))) {
    rows++;
    tokens += row.tokens.length;
  }
  return tokens / rows;
}

const words = 'the other thing is in another hall near the water and the wall where all the men are waiting'.split(' ');
const sentence = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => words[(from * 7 + i) % words.length]).join(' ');

describe('the average row', () => {
  it.each(['chat', 'raw'] as const)('of completions is known within a tenth (%s)', async (promptFormat) => {
    const records = Array.from({ length: 50 }, (_, i): DatasetRecord => ({
      kind: 'completion',
      prompt: sentence(i, 5 + (i % 9)),
      completion: sentence(i + 1, 2 + (i % 5)),
    }));
    const file = await fileOf(records);
    const exact = await exactRowTokens(file, model, promptFormat);
    const estimated = await averageRowTokens(file, model, { chat: promptFormat === 'chat' });
    expect(Math.abs(estimated / exact - 1)).toBeLessThan(0.1);
  });

  it('of conversations and of other scripts too', async () => {
    const records = Array.from({ length: 20 }, (_, i): DatasetRecord => ({
      kind: 'conversation',
      messages: [
        { role: 'system', content: 'Antworte kürzer, bitte: größer wäre schlechter.' },
        { role: 'user', content: `東京は${i}番です。` },
        { role: 'assistant', content: sentence(i, 8) },
      ],
    }));
    const file = await fileOf(records);
    const exact = await exactRowTokens(file, model, 'chat');
    expect(Math.abs((await averageRowTokens(file, model, { chat: true })) / exact - 1)).toBeLessThan(0.1);
  });

  it('of very long texts is measured by their beginnings', async () => {
    const file = await fileOf([{ kind: 'text', text: 'x'.repeat(3_000_000) }]);
    const begun = performance.now();
    expect(await averageRowTokens(file, model, { chat: false })).toBe(3_000_001);
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it('is refused for records that hold nothing to generate', async () => {
    const file = await fileOf([{ kind: 'pair', first: 'a', second: 'b' }]);
    await expect(averageRowTokens(file, model, { chat: true })).rejects.toMatchObject({ code: 'unsupported_task' });
    await expect(averageRowTokens(await fileOf([]), model, { chat: true })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});
