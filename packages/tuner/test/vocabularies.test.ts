import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  createRowBuilder,
  createTemplateRenderer,
  promptModelOf,
  promptTokens,
  sequenceTokens,
  type DatasetRecord,
  type PromptModel,
} from '@atelier/data';
import { LlamaModel, loadNative } from '@atelier/llama';
import { bundledFile, realVocabulary, writeTinyModel, type TinyModelOptions } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { events, last, run, writeRun } from './run-directory.ts';

/** Real vocabularies, with the chat template of a model that has them. */
const cases: readonly {
  readonly name: string;
  readonly family: TinyModelOptions['family'];
  readonly template?: string;
  /** What a sequence begins with, and the control tokens that end a reply. */
  readonly begin: string;
  readonly end: readonly string[];
}[] = [
  {
    name: 'llama-bpe',
    family: 'llama',
    template: 'meta-llama-Llama-3.1-8B-Instruct',
    begin: '<|begin_of_text|>',
    end: ['<|eot_id|>'],
  },
  { name: 'qwen2', family: 'qwen2', template: 'Qwen-Qwen2.5-7B-Instruct', begin: '', end: ['<|im_end|>'] },
  {
    name: 'phi-3',
    family: 'phi3',
    template: 'microsoft-Phi-3.5-mini-instruct',
    begin: '<s>',
    end: ['<|end|>', '<|endoftext|>'],
  },
  { name: 'llama-spm', family: 'gemma2', template: 'google-gemma-2-2b-it', begin: '<s>', end: ['</s>'] },
  { name: 'gpt-2', family: 'gpt2', begin: '', end: ['<|endoftext|>'] },
];

const sizes = { dim: 16, heads: 2, kvHeads: 2, headSize: 8, ff: 16, layers: 1, tied: true } as const;
/** Accents, another script, an emoji of several code points, two spaces, a tab and what looks like control tokens. */
const difficult = 'Größe  12,5\tメートル 👩‍👧 <s> <|im_end|> <|eot_id|> [INST]';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'vocabularies-'));
  loadNative({ gpu: 'off' });
});
afterAll(() => rm(directory, { recursive: true }));

async function modelFile({ name, family, template }: (typeof cases)[number]): Promise<string> {
  const file = path.join(directory, `${name}.gguf`);
  await writeTinyModel(file, {
    ...sizes,
    ...(await realVocabulary(name)),
    ...(family && { family }),
    ...(template && { chatTemplate: await readFile(await bundledFile(`models/templates/${template}.jinja`), 'utf8') }),
  });
  return file;
}

async function rowsOf(model: PromptModel, promptFormat: 'chat' | 'raw', records: readonly DatasetRecord[]) {
  const builder = createRowBuilder({ ...model, promptFormat, maxTokens: 512 });
  return Array.fromAsync(
    builder.rows(
      (async function* () {
        yield* records;
      })(),
    ),
  );
}

describe.each(cases)('the vocabulary $name', (used) => {
  it('tokenises, renders chats and trains a step', { timeout: 180_000 }, async () => {
    const file = await modelFile(used);
    using model = LlamaModel.load(file, { vocabOnly: true });
    const { vocab } = model;
    await using renderer = createTemplateRenderer({ timeoutMs: 60_000 });
    const prompts = promptModelOf(vocab, model.chatTemplate, renderer);
    const textOf = (tokens: Iterable<number>): string =>
      Buffer.concat([...tokens].map((token) => vocab.pieceBytes(token, true))).toString('utf8');

    const completion: DatasetRecord = {
      kind: 'completion',
      prompt: `What? ${difficult}`,
      completion: ` It ${difficult}`,
    };
    const [raw] = await rowsOf(prompts, 'raw', [completion]);
    const specials = new Set(vocab.specialTokens().map(({ id }) => id));
    // SentencePiece writes a space before the first word, and before that only.
    const space = vocab.text(vocab.tokenize('a')[0]!).startsWith('▁') ? ' ' : '';
    expect(textOf(raw!.tokens.filter((token) => !specials.has(token)))).toBe(
      `${space}${completion.prompt}${completion.completion}`,
    );
    expect(raw!.tokens.filter((token) => specials.has(token)).length).toBe(used.begin === '' ? 1 : 2);
    expect(raw!.tokens.at(-1)).toBe(vocab.eos);

    if (used.template) {
      const messages = [{ role: 'user' as const, content: difficult }];
      const [row] = await rowsOf(prompts, 'chat', [
        { kind: 'conversation', messages: [...messages, { role: 'assistant', content: `Yes: ${difficult}` }] },
      ]);
      const learnt = row!.tokens.filter((_, i) => row!.weights[i]! > 0);
      const given = row!.tokens.filter((_, i) => row!.weights[i] === 0);
      expect(textOf(row!.tokens).startsWith(used.begin)).toBe(true);
      expect(textOf(learnt).trim()).toContain(difficult);
      expect(specials.has(learnt.at(-1)!)).toBe(true);
      // What users write stays text.
      expect([...learnt].filter((token) => specials.has(token)).map((token) => vocab.text(token))).toEqual(used.end);
      expect(given).toEqual(await promptTokens(prompts, { kind: 'chat', messages }));
    }

    const runDirectory = path.join(directory, `run-${used.name}`);
    await writeRun(runDirectory, file, { validation: [], hyperParameters: { steps: 1, loraTargets: ['v', 'o'] } });
    expect(await run(runDirectory)).toBe(0);
    expect(last(await events(runDirectory), 'step')!.loss).toBeGreaterThan(0);
  });
});

it(
  'the WordPiece vocabulary of an encoder surrounds texts and trains a step of classification',
  { timeout: 180_000 },
  async () => {
    const file = await modelFile({ name: 'bert-bge', family: 'bert', begin: '[CLS]', end: ['[SEP]'] });
    using model = LlamaModel.load(file, { vocabOnly: true });
    const { vocab } = model;
    await using renderer = createTemplateRenderer({ timeoutMs: 60_000 });
    const prompts = promptModelOf(vocab, undefined, renderer);
    const tokens = await sequenceTokens(prompts, { kind: 'raw', text: `Ein ${difficult}` }, 512);
    expect(tokens).toEqual(vocab.tokenize(`Ein ${difficult}`, { addSpecial: true }));
    const texts = [...tokens].map((token) => vocab.text(token));
    expect([texts[0], texts.at(-1)]).toEqual(['[CLS]', '[SEP]']);

    const runDirectory = path.join(directory, 'run-bert');
    await writeRun(runDirectory, file, { task: 'classification', validation: [], hyperParameters: { steps: 2 } });
    const labelled = ['good', 'bad', 'good', 'bad'].map((label, i) => ({
      kind: 'labelled',
      text: `A ${label} day, number ${i}.`,
      labels: { mood: label },
    }));
    await writeFile(
      path.join(runDirectory, 'train.jsonl'),
      labelled.map((record) => `${JSON.stringify(record)}\n`).join(''),
    );
    expect(await run(runDirectory)).toBe(0);
    expect(last(await events(runDirectory), 'checkpoint')).toMatchObject({
      file: 'adapter.gguf',
      head: { file: 'head.json' },
    });
  },
);

it('an encoder learns no text: the run is refused before it begins', { timeout: 60_000 }, async () => {
  const file = path.join(directory, 'encoder.gguf');
  await writeTinyModel(file, { ...sizes, family: 'bert' });
  const runDirectory = path.join(directory, 'run-refused');
  await writeRun(runDirectory, file, {});
  expect(await run(runDirectory)).toBe(1);
  const all = await events(runDirectory);
  expect(last(all, 'error')).toMatchObject({ code: 'unsupported_task' });
  expect(last(all, 'plan')).toBeUndefined();
});
