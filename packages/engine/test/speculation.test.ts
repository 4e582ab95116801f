import { afterAll, beforeAll, expect, test } from 'vitest';
import { LlamaModel, loadNative } from '@atelier/llama';
import { GenerationContext } from '../src/runner/generation-context.ts';
import { NgramDraft } from '../src/runner/ngram-draft.ts';
import { ThreadChoice } from '../src/runner/thread-choice.ts';
import { generate, generationsOf, start, type Settings } from './generate-here.ts';
import { ask, endless, say, tinyEngine, TinyModels } from './tiny-engine.ts';

let models: TinyModels;
let model: LlamaModel;
beforeAll(async () => {
  models = await TinyModels.create();
  loadNative({ gpu: 'off' });
  model = LlamaModel.load(await models.model('tiny.gguf'));
});
afterAll(async () => {
  generationsOf(model)[Symbol.dispose]();
  model[Symbol.dispose]();
  await models[Symbol.asyncDispose]();
});

function contextOf(speculation: 'off' | 'ngram', options: { cacheTokens?: number; separate?: boolean } = {}) {
  const threads = new ThreadChoice(1, 1, { processors: 1 });
  return new GenerationContext({ model, threads, maxSequences: 4, cacheTokens: 2048, speculation, ...options });
}

/** The model repeats what it has said when repeating is rewarded, and the guesses are right; otherwise hardly ever. */
const cases: [string, Settings][] = [
  ['the likeliest tokens', {}],
  ['repetitions', { sampling: { presencePenalty: -100 } }],
  ['sampled repetitions', { sampling: { temperature: 1, presencePenalty: -2, seed: 5 } }],
  ['sampled tokens', { sampling: { temperature: 1, topP: 0.9, seed: 4 } }],
  ['several choices', { choices: 3, sampling: { temperature: 1, presencePenalty: -2, seed: 7 } }],
  ['a grammar', { grammar: { gbnf: 'root ::= ("abc" | "abd")+' } }],
  ['log-probabilities', { logprobs: 2, sampling: { presencePenalty: -100 } }],
  ['a stop string within a guess', { stop: ['eeeee', 'aaaaa', '   '], sampling: { presencePenalty: -100 } }],
  ['a limit within a guess', { maxTokens: 7, sampling: { presencePenalty: -100 } }],
];

test.each(cases)('the text is the same as without: %s', (_, settings) => {
  const prompt = model.vocab.tokenize('the sun in the water, the sun in the '.repeat(3));
  const run = (context: GenerationContext) =>
    [1, 2].map(() => generate(model, context, prompt, { maxTokens: 60, ...settings }));
  using plain = contextOf('off');
  for (const options of [{}, { separate: true }]) {
    using guessing = contextOf('ngram', options);
    const texts = run(guessing);
    const expected = run(plain);
    for (const [i, choices] of texts.entries()) {
      expect(choices.map(({ tokens }) => tokens)).toEqual(expected[i]!.map(({ tokens }) => tokens));
      expect(choices.map(({ text }) => text)).toEqual(expected[i]!.map(({ text }) => text));
      expect(choices.map(({ finish }) => finish.reason)).toEqual(expected[i]!.map(({ finish }) => finish.reason));
      expect(choices[0]!.logprobs).toHaveLength(expected[i]![0]!.logprobs.length);
    }
  }
});

test('guesses that are right save steps, with many together and little memory as well', () => {
  for (const cacheTokens of [2048, 320]) {
    const texts = ['off', 'ngram'].map((speculation) => {
      using context = contextOf(speculation as 'off' | 'ngram', { cacheTokens });
      const generations = [1, 2, 3, 4].map(
        (id) => start(model, id, model.vocab.tokenize(`story ${id}`), { maxTokens: 60, ...endless })[0]!,
      );
      context.add(generations);
      let steps = 0;
      for (; context.busy; steps++) context.step();
      return { steps, tokens: generations.map(({ sequence }) => sequence.tokens) };
    });
    expect(texts[1]!.tokens).toEqual(texts[0]!.tokens);
    expect(texts[1]!.steps).toBeLessThan(texts[0]!.steps / 2);
  }
});

test('what follows the last occurrence is guessed, and less of it after wrong guesses', () => {
  const draft = new NgramDraft();
  expect(draft.propose([1, 2, 3, 4, 5, 9, 1, 2, 3, 6, 7, 8, 1, 2, 3], 8)).toEqual([6, 7, 8, 1]);
  expect(draft.propose([1, 2, 3, 6, 1, 2, 3], 1)).toEqual([6]);
  expect(draft.propose([1, 2, 3, 4], 8)).toEqual([]);
  expect(draft.propose([1, 1, 1, 1], 8)).toEqual([1, 1, 1, 1]);
  expect(draft.propose([1, 2, 1, 2, 1], 8)).toEqual([2, 1, 2, 1]);
  draft.observe(4, 0);
  expect(draft.propose([1, 2, 3, 4, 5, 9, 1, 2, 3], 8)).toEqual([4]);
});

test('an engine that guesses answers as one that does not', async () => {
  const path = await models.model('served.gguf');
  const question = { model: { path }, input: say('go on and on and on'), maxTokens: 80, sampling: endless.sampling };
  const answers = await Promise.all(
    (['off', 'ngram'] as const).map(async (speculation) => {
      await using engine = tinyEngine({ speculation });
      return await ask(engine, question);
    }),
  );
  expect(answers[1]!.text).toBe(answers[0]!.text);
  expect(answers[1]!.usage).toEqual(answers[0]!.usage);
}, 60_000);
