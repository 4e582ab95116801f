import { Batch, LlamaContext, LlamaModel, Adapter, loadNative } from '@atelier/llama';
import { tinyFamilies } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, tinyEngine, TinyModels } from './tiny-engine.ts';
import type { Engine } from '../src/index.ts';

type Family = keyof typeof tinyFamilies;
const decoders = (Object.keys(tinyFamilies) as Family[]).filter((family) => !('encoder' in tinyFamilies[family]));

let models: TinyModels;
let engine: Engine;
beforeAll(async () => {
  loadNative({ gpu: 'off' });
  models = await TinyModels.create();
  engine = tinyEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

/** The likeliest continuation, one token at a time, by libllama alone. */
function likeliest(file: string, adapterFile: string, prompt: readonly number[], count: number): number[] {
  using model = LlamaModel.load(file, { gpuLayers: 0 });
  using adapter = Adapter.load(model, adapterFile);
  using context = new LlamaContext(model, { nCtx: 256, nThreads: 1 });
  context.setAdapters([{ adapter }]);
  const tokens = [...prompt];
  for (let at = 0; tokens.length < prompt.length + count;) {
    const batch = new Batch(loadNative(), tokens.length - at);
    for (; at < tokens.length; at++) batch.add(tokens[at]!, at, 0, at === tokens.length - 1);
    context.decode(batch);
    const logits = context.logits();
    tokens.push(logits.reduce((best, value, token) => (value > logits[best]! ? token : best), 0));
  }
  return tokens.slice(prompt.length);
}

describe.each(decoders)('%s', (family) => {
  it('is served with an adapter, several prompts at once, as libllama computes it', { timeout: 120_000 }, async () => {
    const model = await models.model(`${family}.gguf`, { family });
    const adapter = await models.adapter(`${family}-adapter.gguf`, { family });
    const prompts = [
      [10, 200, 31, 7, 7, 99, 150, 3, 64, 12],
      [5, 6, 7, 8, 9, 200],
      [10, 200, 31, 7, 7, 99, 150, 3, 64, 12, 5, 5],
    ];
    const answers = await Promise.all(
      prompts.map((tokens) =>
        ask(engine, {
          model: { path: model, adapter: { path: adapter } },
          input: { kind: 'tokens', tokens },
          maxTokens: 12,
          sampling: { temperature: 0 },
        }),
      ),
    );
    using vocabulary = LlamaModel.load(model, { vocabOnly: true });
    const expected = prompts.map((prompt) => likeliest(model, adapter, prompt, 12));
    const stops = (tokens: number[]): number[] => {
      const end = tokens.findIndex((token) => vocabulary.vocab.isEog(token));
      return end < 0 ? tokens : tokens.slice(0, end);
    };
    expect(answers.map(({ text }) => text)).toEqual(
      expected.map((tokens) => vocabulary.vocab.detokenize(Int32Array.from(stops(tokens)))),
    );
  });
});
