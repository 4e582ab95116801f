import { afterAll, describe, expect, it } from 'vitest';
import {
  createTemplateRenderer,
  preferenceRows,
  promptTokens,
  type ChatMessage,
  type DatasetRecord,
  type PreferenceRows,
  type PromptModel,
  type TokenRow,
} from '../src/index.ts';
import { ChunkTokenizer } from './chunk-tokenizer.ts';
import { chatMl, forgetful, plain } from './templates.ts';

const renderer = createTemplateRenderer({ timeoutMs: 10_000 });
afterAll(() => renderer[Symbol.asyncDispose]());

function modelOf(template: typeof chatMl | (Omit<typeof chatMl, 'template'> & { template?: string | undefined })) {
  const tokenizer = new ChunkTokenizer(template.specialTokens, { eos: template.eosToken });
  return { ...template, renderer, tokenizer };
}

async function rowsOf(model: PromptModel, ...records: DatasetRecord[]): Promise<PreferenceRows[]> {
  async function* source(): AsyncIterable<DatasetRecord> {
    yield* records;
  }
  return Array.fromAsync(preferenceRows(model, source()));
}

const messages: ChatMessage[] = [
  { role: 'user', content: 'one' },
  { role: 'assistant', content: 'two' },
  { role: 'user', content: 'three' },
];
const preference: DatasetRecord = { kind: 'preference', messages, chosen: 'good', rejected: 'bad' };

/** What a row gives and what it learns. */
function halves(tokenizer: ChunkTokenizer, row: TokenRow | undefined): [string, string] {
  const start = row!.weights.findIndex((weight) => weight > 0);
  expect([...row!.weights].slice(start).every((weight) => weight === 1)).toBe(true);
  return [tokenizer.decode(row!.tokens.subarray(0, start)), tokenizer.decode(row!.tokens.subarray(start))];
}

describe('a preference', () => {
  it.each([
    ['appending', chatMl],
    ['forgetful', forgetful],
    ['without special tokens', plain],
  ])('gives two answers after the prompt of inference, template %s', async (_, template) => {
    const model = modelOf(template);
    const [row] = await rowsOf(model, preference);
    const prompt = model.tokenizer.decode(await promptTokens(model, { kind: 'chat', messages }));
    const [chosen, rejected] = [halves(model.tokenizer, row!.chosen), halves(model.tokenizer, row!.rejected)];
    expect(chosen[0]).toBe(prompt);
    expect(rejected[0]).toBe(prompt);
    expect([chosen[1], rejected[1]]).toEqual([expect.stringContaining('good'), expect.stringContaining('bad')]);
  });

  it('learns nothing but the answers', async () => {
    const model = modelOf(chatMl);
    const [row] = await rowsOf(model, preference);
    expect(halves(model.tokenizer, row!.chosen)[1]).toBe('good<|im_end|>');
    expect(halves(model.tokenizer, row!.rejected)[1]).toBe('bad<|im_end|>');
  });

  it('is taken as it is by a model without a template, when its prompt is one message', async () => {
    const model = modelOf({ ...chatMl, template: undefined });
    const [row] = await rowsOf(model, { ...preference, messages: messages.slice(0, 1) });
    expect(halves(model.tokenizer, row!.chosen)).toEqual(['one', 'good<|im_end|>']);
    await expect(rowsOf(model, preference)).rejects.toMatchObject({ code: 'template_failed' });
  });
});

describe('a rating', () => {
  it('gives one answer, as chosen or as rejected', async () => {
    const model = modelOf(chatMl);
    const rating = { kind: 'rating', messages, answer: 'fine' } as const;
    const [good, bad] = await rowsOf(model, { ...rating, desirable: true }, { ...rating, desirable: false });
    expect(halves(model.tokenizer, good!.chosen)[1]).toBe('fine<|im_end|>');
    expect(good!.rejected).toBeUndefined();
    expect(halves(model.tokenizer, bad!.rejected)[1]).toBe('fine<|im_end|>');
    expect(bad!.chosen).toBeUndefined();
  });
});

it('records that compare nothing are refused', async () => {
  await expect(rowsOf(modelOf(chatMl), { kind: 'text', text: 'a' })).rejects.toMatchObject({
    code: 'unsupported_task',
    details: { task: 'text', supported: 'preference, rating' },
  });
});
