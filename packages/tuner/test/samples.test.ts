import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LlamaModel, loadNative } from '@atelier/llama';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { libllamaLogits } from './model-logits.ts';
import { chatTemplate, events, records, run, writeRun } from './run-directory.ts';

let root: string;
let model: string;
beforeAll(async () => {
  loadNative({ gpu: 'off' });
  root = await mkdtemp(path.join(tmpdir(), 'tuner-samples-'));
  model = path.join(root, 'tiny.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64, chatTemplate });
});
afterAll(() => rm(root, { recursive: true }));

it(
  'asks the first validation records at each validation, and learns to answer them',
  { timeout: 180_000 },
  async () => {
    const dir = path.join(root, 'learns');
    await writeRun(dir, model, {
      method: 'full',
      hyperParameters: { epochs: 60, learningRate: 1e-2, checkpointSteps: 1000, validationSteps: 30 },
      samples: { prompts: [], count: 2, maxTokens: 12 },
      validation: ['train.jsonl'],
    });
    expect(await run(dir)).toBe(0);
    const all = await events(dir);
    const samples = all.filter((event) => event.type === 'sample');
    const validations = all.filter((event) => event.type === 'validation');
    expect(samples.map(({ step }) => step)).toEqual(validations.flatMap(({ step }) => [step, step]));
    for (const [i, sample] of samples.entries())
      expect(sample).toMatchObject({ prompt: records[i % 2]!.prompt, expected: records[i % 2]!.completion });
    for (const { text, expected, ended } of samples.slice(-2)) {
      expect(text.trim()).toBe(expected);
      expect(ended).toBe(true);
    }
  },
);

it('writes what libllama finds most likely, with the adapter as it is', { timeout: 180_000 }, async () => {
  const dir = path.join(root, 'likely');
  const prompts = ['What?', 'A longer question, of another length.'];
  await writeRun(dir, model, {
    promptFormat: 'raw',
    hyperParameters: { steps: 3, learningRate: 3e-2 },
    samples: { prompts, count: 2, maxTokens: 5 },
  });
  expect(await run(dir)).toBe(0);
  const samples = (await events(dir)).filter((event) => event.type === 'sample').slice(-2);
  using vocabulary = LlamaModel.load(model, { vocabOnly: true });
  const { vocab } = vocabulary;
  for (const [i, { text }] of samples.entries()) {
    const tokens = [...vocab.tokenize(prompts[i]!)];
    if (vocab.addBos) tokens.unshift(vocab.bos!);
    const from = tokens.length;
    for (let n = 0; n < 5; n++) {
      const [logits] = libllamaLogits(model, [tokens], path.join(dir, 'checkpoints', '3', 'adapter.gguf'));
      const last = logits!.slice(-vocab.size);
      const best = last.indexOf(Math.max(...last));
      if (vocab.isEog(best)) break;
      tokens.push(best);
    }
    expect(text).toBe(vocab.detokenize(Int32Array.from(tokens.slice(from))));
  }
});
