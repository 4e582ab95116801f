import { Batch, LlamaContext, LlamaModel, loadNative } from '@atelier/llama';
import { writeTinyBert } from '@atelier/llama/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../src/index.ts';
import { pooledBy, unit } from './hidden-states.ts';
import { tinyEngine, TinyModels } from './tiny-engine.ts';

let models: TinyModels;
let engine: Engine;
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

const query = 'the sun';
const documents = ['the moon is good', 'a', 'the sun is bad', 'x '.repeat(40).trim()];

test('a reranker reads query and document together, and its head scores them', async () => {
  const path = models.file('reranker.gguf');
  await writeTinyBert(path, { pooling: 'rank' });
  const { by, scores } = await engine.rerank({ owner: 'test', model: { path }, query, documents });
  expect(by).toBe('reranker');

  loadNative({ gpu: 'off' });
  using model = LlamaModel.load(path);
  using context = new LlamaContext(model, {
    nCtx: 128,
    nUbatch: 128,
    nThreads: 1,
    embeddings: true,
    pooling: 'rank',
    flashAttention: false,
  });
  for (const [index, document] of documents.entries()) {
    const ids = (text: string) => [...model.vocab.tokenize(text, { addSpecial: true })];
    const batch = new Batch(model.native, 128);
    // [CLS] query [SEP] document [SEP]
    for (const [position, token] of [...ids(query), ...ids(document).slice(1)].entries())
      batch.add(token, position, 0, true);
    context.decode(batch);
    expect(scores[index]).toBeCloseTo(context.sequenceEmbedding(0)[0]!, 2);
  }
  const thousand = Array.from({ length: 1000 }, (_, index) => documents[index % 4]!);
  const many = await engine.rerank({ owner: 'test', model: { path }, query, documents: thousand });
  expect(Math.max(...many.scores.map((score, index) => Math.abs(score - scores[index % 4]!)))).toBeLessThan(5e-3);
  const cut = await engine.rerank({ owner: 'test', model: { path }, query, documents: ['moon '.repeat(9000)] });
  expect(cut.usage.promptTokens).toBe(128);
  await expect(
    engine.rerank({ owner: 'test', model: { path }, query: 'sun '.repeat(200), documents }),
  ).rejects.toMatchObject({ code: 'context_overflow' });
}, 120_000);

test('any other model compares embeddings', async () => {
  const path = await models.model('model.gguf');
  const { by, scores } = await engine.rerank({ owner: 'test', model: { path }, query, documents });
  expect(by).toBe('cosine');
  const [target, ...vectors] = pooledBy(path, [query, ...documents], { pooling: 'mean' }).map(unit);
  for (const [index, vector] of vectors.entries())
    expect(scores[index]).toBeCloseTo(
      vector.reduce((sum, x, at) => sum + x * target![at]!, 0),
      5,
    );
}, 60_000);
