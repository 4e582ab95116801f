import type { tinyFamilies } from '@atelier/llama/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../src/index.ts';
import { largestDifference, pooledBy, tolerance, unit } from './hidden-states.ts';
import { tinyEngine, TinyModels } from './tiny-engine.ts';

let models: TinyModels;
let engine: Engine;
beforeAll(async () => {
  models = await TinyModels.create();
  engine = tinyEngine({ maxRunners: 1 });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await models[Symbol.asyncDispose]();
});

const texts = ['the sun', 'on and on '.repeat(9), 'a', 'a warmer thing'];
const inputs = texts.map((text) => ({ kind: 'text' as const, text }));

/** Windows, norms of heads, learned positions, both directions; the others are computed as Llama is. */
const families = ['qwen3', 'gemma3', 'gpt2', 'bert', 'nomic-bert'] as const satisfies (keyof typeof tinyFamilies)[];

test.each(families)(
  'vectors of %s are those of libllama',
  async (family) => {
    const path = await models.model(`${family}.gguf`, { family });
    for (const pooling of ['mean', 'last'] as const) {
      const { vectors } = await engine.embed({ owner: 'test', model: { path }, inputs, pooling });
      const expected = pooledBy(path, texts, { pooling });
      for (const [index, vector] of vectors.entries())
        expect(largestDifference(vector, unit(expected[index]!))).toBeLessThan(tolerance.gelu);
    }
  },
  60_000,
);
