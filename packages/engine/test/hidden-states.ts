/** What libllama itself computes of a text, for comparison: one text in a context of its own. */
import { Adapter, Batch, LlamaContext, LlamaModel, loadNative, type Pooling } from '@atelier/llama';

export function pooledBy(
  file: string,
  texts: readonly string[],
  { pooling, adapter }: { pooling: Pooling; adapter?: string },
): Float32Array[] {
  loadNative({ gpu: 'off' });
  using model = LlamaModel.load(file);
  using loaded = adapter === undefined ? undefined : Adapter.load(model, adapter);
  using context = new LlamaContext(model, {
    nCtx: 512,
    nBatch: 512,
    nUbatch: 512,
    nThreads: 1,
    embeddings: true,
    pooling,
    typeK: 'F32',
    typeV: 'F32',
    flashAttention: false,
  });
  if (loaded) context.setAdapters([{ adapter: loaded }]);
  return texts.map((text) => {
    const batch = new Batch(model.native, 512);
    for (const [position, token] of model.vocab.tokenize(text, { addSpecial: true }).entries())
      batch.add(token, position, 0, true);
    context.decode(batch);
    const pooled = context.sequenceEmbedding(0).slice();
    context.memory.clear();
    return pooled;
  });
}

/**
 * How far vectors of one text may be apart. llama.cpp's GELU on CPUs, which BERT uses, looks its values up by a 16-bit
 * number: where another order of sums changes the 24th bit, the 11th may change with it.
 */
export const tolerance = { decoder: 1e-5, gelu: 2e-4 };

export function unit(vector: ArrayLike<number>): number[] {
  const length = Math.hypot(...Array.from(vector));
  return Array.from(vector, (x) => x / length);
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  return Math.max(...Array.from(a, (x, index) => Math.abs(x - b[index]!)));
}
