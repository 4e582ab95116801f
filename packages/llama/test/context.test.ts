import { describe, expect, it } from 'vitest';
import { readGguf, readTensor, writeGguf } from '../src/gguf/index.ts';
import { Batch, LlamaContext, LlamaModel } from '../src/index.ts';
import { runChild } from './run-child.ts';
import { useTinyModel } from './tiny-model-file.ts';

const used = useTinyModel();

/** A context on one thread: more of them on a shared machine wait for each other. */
function makeContext(options: ConstructorParameters<typeof LlamaContext>[1] = {}): LlamaContext {
  return new LlamaContext(used.model, { nCtx: 64, nThreads: 1, ...options });
}

function batchOf(tokens: readonly number[], { from = 0, sequence = 0 as number | number[], all = false } = {}): Batch {
  const batch = new Batch(used.model.native, tokens.length, 4);
  for (const [index, token] of tokens.entries()) {
    batch.add(token, from + index, sequence, all || index === tokens.length - 1);
  }
  return batch;
}

describe('LlamaContext', () => {
  it('computes the same logits for the same tokens, in one batch or several', () => {
    using context = makeContext();
    const tokens = [1, 2, 3, 40, 5];
    expect(context.decode(batchOf(tokens))).toBe('ok');
    const first = context.logits().slice();
    expect(first).toHaveLength(320);
    expect(first.every(Number.isFinite)).toBe(true);
    context.memory.clear();
    context.decode(batchOf(tokens));
    expect(context.logits()).toEqual(first);
    context.memory.clear();
    context.decode(batchOf(tokens.slice(0, 3)));
    context.decode(batchOf(tokens.slice(3), { from: 3 }));
    const parts = context.logits();
    expect(Math.max(...parts.map((value, index) => Math.abs(value - (first[index] ?? 0))))).toBeLessThan(1e-4);
  });

  it('computes the same with any number of threads, which contexts share', () => {
    using context = makeContext();
    using other = makeContext();
    const tokens = [1, 2, 3, 40, 5];
    context.decode(batchOf(tokens));
    const expected = context.logits().slice();
    for (const threads of [2, 1, 2]) {
      for (const each of [context, other]) {
        each.memory.clear();
        each.setThreads(threads);
        expect(each.decode(batchOf(tokens))).toBe('ok');
        expect(each.logits()).toEqual(expected);
      }
    }
    expect(() => context.setThreads(0)).toThrow(/threads/);
  });

  it('keeps sequences apart', () => {
    using context = makeContext({ nSeqMax: 2 });
    const alone = [10, 11, 12];
    context.decode(batchOf(alone));
    const expected = context.logits().slice();
    context.memory.clear();
    const both = new Batch(used.model.native, 6);
    for (const [index, token] of alone.entries()) {
      both.add(token, index, 0, index === 2);
      both.add(99, index, 1, index === 2);
    }
    context.decode(both);
    const [first, second] = [context.logits(4).slice(), context.logits(5).slice()];
    expect(Math.max(...first.map((value, index) => Math.abs(value - (expected[index] ?? 0))))).toBeLessThan(1e-4);
    expect(second).not.toEqual(first);
    expect(context.logits()).toEqual(second);
  });

  it('gives logits only where the batch asked for them', () => {
    using context = makeContext();
    expect(() => context.logits()).toThrow(/entry -1 of the last batch has no results/);
    context.decode(batchOf([1, 2, 3]));
    for (const index of [0, 1, 3, -2, 1.5, NaN, 2 ** 31]) expect(() => context.logits(index)).toThrow(/has no results/);
    context.decode(batchOf([4, 5], { from: 3, all: true }));
    expect(context.logits(0)).not.toEqual(context.logits(1));
    expect(() => context.logits(2)).toThrow(/has no results/);
  });

  it('says when its memory is full, and goes on after room was made', () => {
    using context = makeContext({ nCtx: 256, nBatch: 256 });
    const tokens = Array.from({ length: context.nCtxSeq }, (_, index) => index % 300);
    expect(context.decode(batchOf(tokens))).toBe('ok');
    expect(context.decode(batchOf([1], { from: tokens.length }))).toBe('no-slot');
    expect(() => context.logits()).toThrow(/has no results/);
    expect(context.memory.posMax(0)).toBe(tokens.length - 1);
    context.memory.remove(0, 100);
    expect(context.decode(batchOf([1], { from: 100 }))).toBe('ok');
  });

  it('refuses batches that native code would assert on', () => {
    using context = makeContext({ nBatch: 8, nSeqMax: 2 });
    const cases: [Batch, RegExp][] = [
      [new Batch(used.model.native, 4), /the number of tokens in the batch is 0/],
      [batchOf([1, 2, 3, 4, 5, 6, 7, 8, 9]), /the number of tokens in the batch is 9, not an integer from 1 to 8/],
      [batchOf([320]), /token 0 is 320/],
      [batchOf([1], { sequence: 2 }), /sequence is 2/],
      [batchOf([1], { from: 5 }), /do not go on/],
    ];
    context.decode(batchOf([1, 2]));
    for (const [batch, reason] of cases) expect(() => context.decode(batch)).toThrow(reason);
    const written = batchOf([1]);
    written.token[0] = -5;
    expect(() => context.decode(written)).toThrow(/token 0 is -5/);
    written.token[0] = 1;
    written.sequenceCount[0] = 99;
    expect(() => context.decode(written)).toThrow(/sequenceCount 0 is 99/);
    expect(context.decode(batchOf([3], { from: 2 }))).toBe('ok');
  });

  it.each([
    [{ nCtx: -1 }, /nCtx is -1/],
    [{ nCtx: 1.5 }, /nCtx is 1.5/],
    [{ nBatch: 0 }, /nBatch is 0/],
    [{ nSeqMax: 257 }, /nSeqMax is 257/],
    [{ nThreads: 0 }, /nThreads is 0/],
    [{ nThreads: NaN }, /nThreads is NaN/],
    [{ typeV: 'Q8_0' as const, flashAttention: false }, /quantized V cache requires flash_attn/],
  ])('refuses the options %o', (options, reason) => {
    expect(() => makeContext(options)).toThrow(reason);
    // The model is not held by a context that was never made.
    makeContext()[Symbol.dispose]();
  });

  it('computes embeddings of tokens and of sequences', () => {
    using tokens = makeContext({ embeddings: true, pooling: 'none' });
    tokens.decode(batchOf([1, 2, 3], { all: true }));
    expect(tokens.embeddings(0)).toHaveLength(64);
    expect(tokens.embeddings(0)).not.toEqual(tokens.embeddings(2));
    expect(() => tokens.sequenceEmbedding(0)).toThrow(/does not join embeddings/);
    using mean = makeContext({ embeddings: true, pooling: 'mean' });
    mean.decode(batchOf([1, 2, 3], { all: true }));
    const joined = mean.sequenceEmbedding(0);
    const average = tokens
      .embeddings(0)
      .map((value, index) => (value + tokens.embeddings(1)[index]! + tokens.embeddings(2)[index]!) / 3);
    expect(Math.max(...joined.map((value, index) => Math.abs(value - average[index]!)))).toBeLessThan(1e-4);
    expect(() => mean.embeddings(0)).toThrow(/joins embeddings by sequence/);
    using plain = makeContext();
    plain.decode(batchOf([1]));
    expect(() => plain.embeddings()).toThrow(/does not compute embeddings/);
  });

  it('takes only what attention in both directions can hold at once', async () => {
    const { metadata, tensors } = await readGguf(used.path);
    metadata.set('llama.attention.causal', { type: 'BOOL', value: false });
    const path = used.file('both-directions.gguf');
    await writeGguf(path, {
      metadata: [...metadata],
      tensors: tensors.map((tensor) => ({ ...tensor, data: () => readTensor(used.path, tensor) })),
    });
    using model = LlamaModel.load(path);
    using context = new LlamaContext(model, { nCtx: 64, nBatch: 32, nUbatch: 4, nThreads: 1 });
    expect(context.nBatch).toBe(4);
    expect(() => context.decode(batchOf([1, 2, 3, 4, 5]))).toThrow(/not an integer from 1 to 4/);
    expect(context.decode(batchOf([1, 2, 3, 4]))).toBe('ok');
  });

  it('aborts no process when all of this goes wrong at once', () => {
    expect(runChild(new URL('./misuse.ts', import.meta.url))).toMatchObject({ status: 0, signal: null });
  });
});

describe('ContextMemory', () => {
  it('forgets, shares and shifts ranges of sequences', () => {
    using context = makeContext({ nSeqMax: 3, kvUnified: true });
    const { memory } = context;
    expect([memory.posMin(0), memory.posMax(0)]).toEqual([-1, -1]);
    context.decode(batchOf([1, 2, 3, 4]));
    memory.copy(0, 1, 0, 2);
    expect([memory.posMin(1), memory.posMax(1)]).toEqual([0, 1]);
    expect(memory.remove(0, 3)).toBe(true);
    expect(memory.posMax(0)).toBe(2);
    expect(memory.canShift).toBe(true);
    memory.remove(0, 0, 2);
    memory.shift(0, 2, undefined, 5);
    expect([memory.posMin(0), memory.posMax(0)]).toEqual([7, 7]);
    memory.keep(1);
    expect([memory.posMax(0), memory.posMax(1)]).toEqual([-1, 1]);
    memory.clear();
    expect(memory.posMax(1)).toBe(-1);
  });

  it('lets a copied sequence go on as the original would', () => {
    using context = makeContext({ nSeqMax: 2 });
    context.decode(batchOf([1, 2, 3]));
    context.memory.copy(0, 1);
    context.decode(batchOf([4], { from: 3 }));
    const original = context.logits().slice();
    context.decode(batchOf([4], { from: 3, sequence: 1 }));
    expect(Math.max(...context.logits().map((value, index) => Math.abs(value - original[index]!)))).toBeLessThan(1e-4);
  });

  it('refuses what native code would assert on', () => {
    using context = makeContext({ nSeqMax: 2 });
    const { memory } = context;
    for (const sequence of [-1, 2, 0.5]) {
      expect(() => memory.remove(sequence)).toThrow(/sequence is/);
      expect(() => memory.posMax(sequence)).toThrow(/sequence is/);
      expect(() => memory.copy(0, sequence)).toThrow(/sequence is/);
    }
    expect(() => memory.copy(0, 1, 1, 3)).toThrow(/only whole sequences can be copied without kvUnified/);
    expect(() => memory.remove(0, -1)).toThrow(/from is -1/);
    context[Symbol.dispose]();
    expect(() => memory.clear()).toThrow(/used after it was disposed/);
  });
});

describe('Batch', () => {
  it('holds what was added, up to its capacity', () => {
    const batch = new Batch(used.model.native, 2, 2);
    expect(batch.add(5, 0, [0, 1], false)).toBe(0);
    expect(batch.add(6, 1, 1, true)).toBe(1);
    expect(() => batch.add(7, 2, 0, true)).toThrow(/the batch holds 2 tokens/);
    expect([...batch.token]).toEqual([5, 6]);
    expect([...batch.sequenceCount]).toEqual([2, 1]);
    expect([...batch.logits]).toEqual([0, 1]);
    batch.clear();
    expect(batch.length).toBe(0);
    expect(() => batch.add(1, 0, [0, 1, 2], true)).toThrow(/in 3 sequences/);
    expect(() => batch.add(1, -1, 0, true)).toThrow(/pos is -1/);
    expect(() => new Batch(used.model.native, 0)).toThrow(/capacity is 0/);
  });

  it('shares tokens between sequences', () => {
    using context = makeContext({ nSeqMax: 2, kvUnified: true });
    context.decode(batchOf([1, 2, 3], { sequence: [0, 1] }));
    expect([context.memory.posMax(0), context.memory.posMax(1)]).toEqual([2, 2]);
  });
});
