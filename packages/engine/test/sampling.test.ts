import { afterAll, beforeAll, expect, test } from 'vitest';
import { LlamaModel, loadNative } from '@atelier/llama';
import type { GenerateRequest } from '../src/index.ts';
import { GenerationContext } from '../src/runner/generation-context.ts';
import { ThreadChoice } from '../src/runner/thread-choice.ts';
import { generate as run, generationsOf } from './generate-here.ts';
import { TinyModels } from './tiny-engine.ts';

let models: TinyModels;
let model: LlamaModel;
let context: GenerationContext;
beforeAll(async () => {
  models = await TinyModels.create();
  loadNative({ gpu: 'off' });
  model = LlamaModel.load(await models.model('tiny.gguf'));
  context = new GenerationContext({
    model,
    threads: new ThreadChoice(1, 1, { processors: 1 }),
    maxSequences: 1,
    cacheTokens: 512,
  });
});
afterAll(async () => {
  context[Symbol.dispose]();
  generationsOf(model)[Symbol.dispose]();
  model[Symbol.dispose]();
  await models[Symbol.asyncDispose]();
});

/** Every third byte: part of what a text could be made of. */
const prompt = Int32Array.from({ length: 85 }, (_, i) => i * 3);

/** The tokens that follow the prompt. */
function generate(sampling: GenerateRequest['sampling'], maxTokens = 60): number[] {
  return run(model, context, prompt, { sampling, maxTokens })[0]!.tokens;
}

test('the same seed gives the same tokens, another seed or none gives others', () => {
  const first = generate({ temperature: 1, seed: 7 });
  expect(generate({ temperature: 1, seed: 7 })).toEqual(first);
  expect(generate({ temperature: 1, seed: 8 })).not.toEqual(first);
  expect(generate({ temperature: 1 })).not.toEqual(generate({ temperature: 1 }));
});

test('without a temperature the likeliest token is taken, as by any sampler that leaves no other', () => {
  const greedy = generate({});
  expect(generate({ temperature: 0, seed: 3, topP: 0.5 })).toEqual(greedy);
  expect(generate({ temperature: 1e-12, seed: 3 })).toEqual(greedy);
  expect(generate({ temperature: 5, topK: 1 })).toEqual(greedy);
  expect(generate({ temperature: 5, topP: 1e-6 })).toEqual(greedy);
  expect(generate({ temperature: 5, minP: 1 })).toEqual(greedy);
  expect(generate({ temperature: 5, seed: 1 })).not.toEqual(greedy);
});

test('presence and frequency penalties are about the text, the repetition penalty about the prompt as well', () => {
  const repeats = (tokens: number[]) => tokens.length - new Set(tokens).size;
  const given = (tokens: number[]) => tokens.filter((token) => prompt.includes(token)).length;
  expect(repeats(generate({}))).toBeGreaterThan(0);
  for (const settings of [{ presencePenalty: 100 }, { frequencyPenalty: 100 }]) {
    const tokens = generate(settings);
    expect(repeats(tokens)).toBe(0);
    expect(given(tokens)).toBeGreaterThan(0);
  }
  const tokens = generate({ repeatPenalty: 100 });
  expect(repeats(tokens)).toBe(0);
  expect(given(tokens)).toBe(0);
});

test.each([1, 2, 3])('no run of %i tokens occurs twice in prompt and text', (size) => {
  // Few candidates and a long text: without the ban there are repetitions.
  const settings = { temperature: 0.5, topK: 3, seed: 6 };
  const runs = (tokens: number[]) => tokens.slice(size - 1).map((_, i) => tokens.slice(i, i + size).join());
  const twice = (tokens: number[]) => runs(tokens).length - new Set(runs(tokens)).size;
  expect(twice([...prompt, ...generate(settings, 200)])).toBeGreaterThan(0);
  const tokens = generate({ ...settings, noRepeatNgramSize: size }, 200);
  expect(tokens.length).toBeGreaterThan(100);
  expect(twice([...prompt, ...tokens])).toBe(0);
});

test('generation ends when every token would be a repetition', () => {
  const tokens = generate({ noRepeatNgramSize: 1 }, 400);
  expect(new Set(tokens).size).toBe(tokens.length);
  expect(tokens.length).toBeLessThanOrEqual(model.vocab.size);
});
