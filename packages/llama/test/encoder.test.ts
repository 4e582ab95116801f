import { afterAll, beforeAll, expect, it } from 'vitest';
import { readGguf, readTensor, writeGguf } from '../src/gguf/index.ts';
import { Batch, LlamaContext, LlamaModel, loadNative, type Pooling } from '../src/index.ts';
import { writeTinyBert } from '../src/testing/index.ts';
import { temporaryDirectory } from './temporary-directory.ts';

let files: Awaited<ReturnType<typeof temporaryDirectory>>;
let bert: LlamaModel;
beforeAll(async () => {
  files = await temporaryDirectory();
  const path = files.file('bert.gguf');
  await writeTinyBert(path, { pooling: 'rank' });
  loadNative({ gpu: 'off' });
  bert = LlamaModel.load(path);
});
afterAll(async () => {
  bert[Symbol.dispose]();
  await files[Symbol.asyncDispose]();
});

const context = (pooling: Pooling) =>
  new LlamaContext(bert, { nCtx: 128, nBatch: 128, nUbatch: 128, nSeqMax: 2, nThreads: 1, embeddings: true, pooling });

function batchOf(...sequences: Int32Array[]): Batch {
  const batch = new Batch(bert.native, 128);
  for (const [sequence, tokens] of sequences.entries())
    for (const [position, token] of tokens.entries()) batch.add(token, position, sequence, true);
  return batch;
}

it('tokenises by WordPiece, between the tokens that hold a text', () => {
  const tokens = bert.vocab.tokenize('the sunx?', { addSpecial: true });
  expect([...tokens].map((token) => bert.vocab.text(token))).toEqual(['[CLS]', '▁the', '▁sun', 'x', '▁?', '[SEP]']);
  expect(bert.isEncoder).toBe(true);
});

it('gives a vector a token, one a sequence, and one score a sequence', () => {
  const [first, second] = ['the sun', 'a moon is good'].map((text) => bert.vocab.tokenize(text, { addSpecial: true }));
  using tokens = context('none');
  expect(tokens.isCausal).toBe(false);
  tokens.decode(batchOf(first!, second!));
  using cls = context('cls');
  cls.decode(batchOf(first!, second!));
  expect(cls.sequenceEmbedding(1)).toEqual(tokens.embeddings(first!.length));
  using rank = context('rank');
  rank.decode(batchOf(first!, second!));
  expect(rank.sequenceEmbedding(0)).toHaveLength(1);
  expect(rank.sequenceEmbedding(0)).not.toEqual(rank.sequenceEmbedding(1));
});

it.each([
  ['pooling_type', 'bert.pooling_type', 9],
  ['seperator', 'tokenizer.ggml.seperator_token_id', 9999],
])('refuses a file whose %s native code would abort on', async (name, key, value) => {
  const { metadata, tensors } = await readGguf(bert.path);
  metadata.set(key, { type: 'UINT32', value });
  const path = files.file(`${name}.gguf`);
  await writeGguf(path, {
    metadata: [...metadata],
    tensors: tensors.map((tensor) => ({ ...tensor, data: () => readTensor(bert.path, tensor) })),
  });
  expect(() => LlamaModel.load(path)).toThrow(new RegExp(name));
});
