import { afterAll, beforeAll, expect, test } from 'vitest';
import { Batch, LlamaContext, LlamaModel, loadNative } from '@atelier/llama';
import { GenerationContext } from '../src/runner/generation-context.ts';
import type { Generation } from '../src/runner/generations.ts';
import type { Sequence } from '../src/runner/sequence.ts';
import { ThreadChoice } from '../src/runner/thread-choice.ts';
import type { Outcome } from '../src/protocol.ts';
import { generationsOf, start } from './generate-here.ts';
import { TinyModels } from './tiny-engine.ts';

/**
 * Sums in another order differ in their last bits, and keys and values are 16-bit floats; the logits of the tiny models
 * lie between -4 and 4.
 */
const rounding = 0.02;

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

const promptOf = (text: string) => model.vocab.tokenize(text);

function generationOf(id: number, prompt: Int32Array, maxTokens: number): Generation {
  return start(model, id, prompt, { maxTokens })[0]!;
}

/** How far a sequence's tokens are from the best ones when it is computed alone, one token at a time. */
function regret({ tokens, promptTokens }: Sequence): number {
  using context = new LlamaContext(model, { nCtx: 256, nThreads: 1 });
  const batch = new Batch(model.native, 1);
  let worst = 0;
  for (const [pos, token] of tokens.slice(0, -1).entries()) {
    batch.clear();
    batch.add(token, pos, 0, true);
    context.decode(batch);
    if (pos + 1 < promptTokens) continue;
    const logits = context.logits();
    worst = Math.max(worst, Math.max(...logits) - logits[tokens[pos + 1]!]!);
  }
  return worst;
}

function runAll(context: GenerationContext, generations: Generation[], perStep: number): Map<number, Outcome> {
  const ends = new Map<number, Outcome>();
  const joining = [...generations];
  while (joining.length > 0 || context.busy) {
    context.add(joining.splice(0, perStep));
    for (const outcome of context.step()) if (outcome.finish ?? outcome.error) ends.set(outcome.id, outcome);
  }
  return ends;
}

test.each([
  ['with room for all', { cacheTokens: 4096 }],
  ['with memory for a few at a time', { cacheTokens: 320 }],
  ['with memory of their own', { cacheTokens: 4096, separate: true }],
])('sequences computed together choose the tokens they would choose alone, %s', (_, memory) => {
  using context = new GenerationContext({
    model,
    threads: new ThreadChoice(1, 1, { processors: 1 }),
    maxSequences: 8,
    ...memory,
  });
  const generations = Array.from({ length: 24 }, (_, i) =>
    generationOf(i + 1, promptOf('the sun in the water '.repeat(1 + (i % 6)) + i), 8 + (i % 5) * 8),
  );
  const sequences = generations.map(({ sequence }) => sequence);
  const ends = runAll(context, generations, 3);
  expect(ends.size).toBe(24);
  for (const sequence of sequences) {
    expect(ends.get(sequence.id)!.finish).toMatchObject(sequence.usage);
    expect(regret(sequence)).toBeLessThan(rounding);
  }
  // What they said differs, so nobody was given another's memory.
  expect(
    new Set(sequences.map(({ tokens, promptTokens }) => tokens.slice(promptTokens, promptTokens + 8).join())).size,
  ).toBeGreaterThan(20);
});

test('a slot that is used again remembers nothing of its last sequence', () => {
  using context = new GenerationContext({
    model,
    threads: new ThreadChoice(1, 1, { processors: 1 }),
    maxSequences: 1,
    cacheTokens: 256,
  });
  const first = generationOf(1, promptOf('all the water'), 24);
  const between = generationOf(2, promptOf('something else entirely, and longer than the other one'), 24);
  const again = generationOf(3, promptOf('all the water'), 24);
  runAll(context, [first, between, again], 3);
  expect(again.sequence.tokens).toEqual(first.sequence.tokens);
});

test('cancelled sequences leave at once, whether they wait or run', () => {
  using context = new GenerationContext({
    model,
    threads: new ThreadChoice(1, 1, { processors: 1 }),
    maxSequences: 2,
    cacheTokens: 512,
  });
  const generations = [1, 2, 3, 4].map((id) => generationOf(id, promptOf(`story ${id}`), 50));
  context.add(generations);
  context.step();
  expect([1, 3, 9].map((id) => context.cancel(id))).toEqual([true, true, false]);
  const ends = runAll(context, [], 1);
  expect([...ends.keys()].sort()).toEqual([2, 4]);
});
