import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LlamaModel, loadNative } from '@atelier/llama';
import { GenerationContext } from '../src/runner/generation-context.ts';
import type { Generation } from '../src/runner/generations.ts';
import { ThreadChoice } from '../src/runner/thread-choice.ts';
import { generationsOf, start } from './generate-here.ts';
import { ask, say, tinyEngine, TinyModels } from './tiny-engine.ts';

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

const system = 'You are a helpful assistant who answers in short sentences and never of the weather. ';
const tokensOf = (text: string) => model.vocab.tokenize(text);
const systemTokens = () => tokensOf(system).length;

let lastId = 0;
function generation(text: string, { owner = 'a', maxTokens = 8 } = {}): Generation {
  return { ...start(model, ++lastId, tokensOf(text), { maxTokens })[0]!, owner };
}

function contextOf(options: { maxSequences?: number; cacheTokens?: number; separate?: boolean } = {}) {
  return new GenerationContext({
    model,
    threads: new ThreadChoice(1, 1, { processors: 1 }),
    maxSequences: 4,
    cacheTokens: 1024,
    ...options,
  });
}

function run(context: GenerationContext, ...generations: Generation[]): Generation[] {
  context.add(generations);
  while (context.busy) context.step();
  return generations;
}

const textOf = ({ sequence }: Generation) => sequence.tokens.slice(sequence.promptTokens).join();

/** What it says in a context of its own. */
function alone(text: string, maxTokens = 8): string {
  using context = contextOf({ maxSequences: 1 });
  return textOf(run(context, generation(text, { maxTokens }))[0]!);
}

describe.each([
  ['that all sequences share', { separate: false }],
  ['of which each sequence has a part', { separate: true }],
])('in a memory %s', (_, options) => {
  test('what prompts that run together have in common is computed once', () => {
    using context = contextOf(options);
    const texts = ['Who are you?', 'What is a fish?', 'How far is the sea?', 'When?', 'Why not?', 'And then?'];
    const generations = run(context, ...texts.map((text) => generation(system + text)));
    for (const [i, each] of generations.entries()) expect(textOf(each)).toBe(alone(system + texts[i]));
    const own = generations.reduce((sum, { sequence }) => sum + sequence.tokens.length - systemTokens(), 0);
    expect(context.computedTokens).toBeLessThan(systemTokens() + own);
    for (const { sequence } of generations.slice(1))
      expect(sequence.usage.cachedTokens).toBeGreaterThanOrEqual(systemTokens() - 1);
  });

  test('a next turn goes on from what the last one left', () => {
    using context = contextOf(options);
    const [first] = run(context, generation(system + 'Who are you?'));
    const history = first!.sequence.tokens;
    const next = [...history, ...tokensOf(' And why is that?')];
    const before = context.computedTokens;
    const second: Generation = { ...start(model, ++lastId, Int32Array.from(next), { maxTokens: 8 })[0]!, owner: 'a' };
    run(context, second);
    // All but the last token of the answer was computed before.
    expect(second.sequence.usage.cachedTokens).toBe(history.length - 1);
    expect(context.computedTokens - before).toBe(second.sequence.tokens.length - 1 - (history.length - 1));
    using other = contextOf({ maxSequences: 1 });
    const fresh = start(model, ++lastId, Int32Array.from(next), { maxTokens: 8 })[0]!;
    expect(textOf(run(other, fresh)[0]!)).toBe(textOf(second));
  });

  test('the same question again computes its last token, another one from where they part', () => {
    using context = contextOf(options);
    const [first, again] = [1, 2].map(() => run(context, generation(system + 'Who are you?'))[0]!);
    expect(again!.sequence.usage.cachedTokens).toBe(first!.sequence.promptTokens - 1);
    expect(textOf(again!)).toBe(textOf(first!));
    const [other] = run(context, generation(system + 'What is a fish?'));
    expect(other!.sequence.usage.cachedTokens).toBeGreaterThanOrEqual(systemTokens() - 1);
    expect(textOf(other!)).toBe(alone(system + 'What is a fish?'));
  });

  test('nobody profits from what another owner asked, neither later nor at once', () => {
    using context = contextOf(options);
    const [first] = run(context, generation(system + 'Who are you?', { owner: 'a' }));
    const before = context.computedTokens;
    const [b, c] = run(context, ...['b', 'c'].map((owner) => generation(system + 'Who are you?', { owner })));
    expect([b!, c!].map(({ sequence }) => sequence.usage.cachedTokens)).toEqual([0, 0]);
    expect(context.computedTokens - before).toBe(2 * (first!.sequence.tokens.length - 1));
    expect([textOf(b!), textOf(c!)]).toEqual([textOf(first!), textOf(first!)]);
  });

  test('what is kept makes room for those who run, and the oldest goes first', () => {
    using context = contextOf({ ...options, cacheTokens: options.separate ? 1024 : 320 });
    const texts = Array.from({ length: 10 }, (_, i) => `${i} ${'the sun in the water '.repeat(3 + (i % 3))}`);
    for (const text of [...texts, ...texts]) expect(textOf(run(context, generation(text))[0]!)).toBe(alone(text));
    const recent = run(context, generation(texts.at(-1)!))[0]!.sequence;
    expect(recent.usage.cachedTokens).toBe(recent.promptTokens - 1);
    const oldest = run(context, generation(texts[0]!))[0]!.sequence;
    expect(oldest.usage.cachedTokens).toBeLessThan(oldest.promptTokens - 1);
    // As long as everything there is.
    const large = 'a b c d e f g h '.repeat(9);
    expect(textOf(run(context, generation(large, { maxTokens: 60 }))[0]!)).toBe(alone(large, 60));
  });
});

test('choices that start later do not count what the first of them computed', () => {
  using context = contextOf({ maxSequences: 2 });
  const generations = start(model, ++lastId, tokensOf(system), { maxTokens: 4, choices: 6 });
  run(context, ...generations);
  expect(generations.map(({ sequence }) => sequence.usage.cachedTokens)).toEqual([0, 0, 0, 0, 0, 0]);
});

test('a sequence that was cancelled leaves what it computed to its owner', () => {
  using context = contextOf();
  const first = generation(system, { maxTokens: 100 });
  context.add([first]);
  for (let step = 0; step < 4; step++) context.step();
  context.cancel(first.sequence.id);
  const [again] = run(context, generation(system));
  expect(again!.sequence.usage.cachedTokens).toBe(systemTokens() - 1);
  expect(textOf(again!)).toBe(alone(system));
});

test('an engine counts what was in memory, for one owner and one adapter', async () => {
  await using engine = tinyEngine();
  const path = await models.model('served.gguf');
  const adapter = { path: await models.adapter('adapter.gguf') };
  const question = { model: { path }, input: say(system), maxTokens: 4, owner: 'a' };
  const first = await ask(engine, question);
  const [again, adapted, stranger] = [
    await ask(engine, question),
    await ask(engine, { ...question, model: { path, adapter } }),
    await ask(engine, { ...question, owner: 'b' }),
  ];
  const { promptTokens } = first.usage;
  expect([first, again, adapted, stranger].map(({ usage }) => usage.cachedTokens)).toEqual([0, promptTokens - 1, 0, 0]);
  expect(again.text).toBe(first.text);
  expect(adapted.text).not.toBe(first.text);
}, 60_000);
