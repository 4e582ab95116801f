import { Adapter, Batch, LlamaContext, LlamaModel } from '@atelier/llama';

/** Logits after these tokens, or an encoder's pooled embedding, with an adapter over the model if one is given. */
export function outputs(file: string, tokens: readonly number[], adapterFile?: string): Float32Array {
  using model = LlamaModel.load(file);
  using adapter = adapterFile === undefined ? undefined : Adapter.load(model, adapterFile);
  const encoder = model.architecture === 'bert';
  using context = new LlamaContext(model, { nCtx: 32, nThreads: 1, embeddings: encoder });
  if (adapter) context.setAdapters([{ adapter }]);
  const batch = new Batch(model.native, tokens.length);
  for (const [index, token] of tokens.entries()) batch.add(token, index, 0, encoder || index === tokens.length - 1);
  context.decode(batch);
  return encoder ? context.sequenceEmbedding(0).slice() : context.logits().slice();
}

/** The largest difference, as a share of the spread of `expected`. */
export function difference(values: Float32Array, expected: Float32Array): number {
  const spread = Math.max(...expected) - Math.min(...expected);
  return Math.max(...values.map((value, index) => Math.abs(value - (expected[index] ?? NaN)))) / spread;
}
