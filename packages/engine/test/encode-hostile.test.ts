import { writeTinyBert } from '@atelier/llama/testing';
import { isAtelierError } from '@atelier/errors';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../src/index.ts';
import { tinyEngine, TinyModels } from './tiny-engine.ts';

let models: TinyModels;
let engine: Engine;
const paths: string[] = [];
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine();
  paths.push(await models.model('decoder.gguf'), models.file('bert.gguf'), models.file('ranker.gguf'));
  await writeTinyBert(paths[1]!);
  await writeTinyBert(paths[2]!, { pooling: 'rank' });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

const edge = fc.constantFrom(
  0,
  -0,
  1,
  -1,
  0.5,
  63,
  64,
  65,
  255,
  256,
  319,
  320,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 53,
  1e308,
  NaN,
  Infinity,
);
const odd = fc.oneof(edge, fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 }), fc.constant(undefined));
const input = fc.oneof(
  fc.record({ kind: fc.constant('text'), text: fc.string({ unit: 'binary', maxLength: 300 }) }),
  fc.record({ kind: fc.constant('tokens'), tokens: fc.array(fc.oneof(fc.nat(319), edge), { maxLength: 300 }) }),
  odd,
);
const request = fc.record(
  {
    inputs: fc.array(input, { maxLength: 5 }),
    pooling: fc.oneof(fc.constantFrom('mean', 'last', 'cls', 'rank'), odd),
    normalise: fc.oneof(fc.boolean(), odd),
    dimensions: fc.oneof(fc.nat(70), odd),
    form: fc.oneof(fc.constantFrom('float', 'int8', 'uint8', 'binary', 'ubinary'), odd),
    truncate: fc.oneof(fc.boolean(), odd),
  },
  { requiredKeys: ['inputs'] },
);

const expected = new Set(['invalid_request', 'context_overflow', 'template_failed', 'unsupported_content']);

async function answered<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (!isAtelierError(error) || !expected.has(error.code)) throw error;
    return undefined;
  }
}

test('whatever is asked, there are finite vectors or a reason, and no process ends', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(2), request, async (model, given) => {
      const asked = { owner: 'test', model: { path: paths[model]! }, ...given };
      const answer = await answered(engine.embed(asked as Parameters<Engine['embed']>[0]));
      if (!answer) return;
      expect(answer.vectors).toHaveLength(given.inputs.length);
      for (const vector of answer.vectors) expect([...vector].every(Number.isFinite)).toBe(true);
    }),
    { numRuns: 300 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.nat(2),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(fc.string({ unit: 'binary', maxLength: 400 }), { maxLength: 4 }),
      async (model, query, documents) => {
        const asked = { owner: 'test', model: { path: paths[model]! }, query, documents };
        const answer = await answered(engine.rerank(asked));
        if (answer) expect(answer.scores.filter(Number.isFinite)).toHaveLength(documents.length);
      },
    ),
    { numRuns: 100 },
  );
  expect(engine.status().crashes).toBe(0);
}, 180_000);
