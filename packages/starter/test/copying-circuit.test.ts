import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Batch, LlamaContext, LlamaModel, loadNative } from '@atelier/llama';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { architectures, type ArchitectureName } from '../src/architecture.ts';
import { Random } from '../src/corpus/random.ts';
import { writeInitialModel } from '../src/initial-model.ts';
import { committedTokenizer } from '../src/tokenizer/committed-tokenizer.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'starter-'));
  loadNative({ gpu: 'off' });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Share of the second half's tokens that the model likes best of all but the present one, on random tokens told twice. */
function copiedShare(model: LlamaModel, seed: number, length: number): number {
  const random = new Random(seed);
  const once = Array.from({ length }, () => random.integer(300, 4000));
  const tokens = [...once, ...once];
  using context = new LlamaContext(model, { nCtx: 256, nThreads: 1 });
  const batch = new Batch(model.native, tokens.length);
  tokens.forEach((token, i) => batch.add(token, i, 0, true));
  context.decode(batch);
  let right = 0;
  for (let i = length; i < tokens.length - 1; i++) {
    const logits = Float32Array.from(context.logits(i));
    logits[tokens[i]!] = -Infinity;
    if (logits.indexOf(Math.max(...logits)) === tokens[i + 1]) right++;
  }
  return right / (length - 1);
}

describe('the initial weights', () => {
  it.each<[ArchitectureName, number]>([
    ['starter', 0.6],
    ['tiny', 0.2],
  ])('of %s copy a repetition before any training', async (name, least) => {
    const file = path.join(directory, `${name}.gguf`);
    await writeInitialModel(file, {
      architecture: architectures[name],
      tokenizer: await committedTokenizer(),
      seed: 6,
    });
    using model = LlamaModel.load(file);
    const shares = [1, 2, 3, 4].map((seed) => copiedShare(model, seed, 40));
    expect(shares.reduce((sum, share) => sum + share, 0) / shares.length).toBeGreaterThan(least);
  });
});
