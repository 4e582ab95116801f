/**
 * Loads many copies of a model, each with some metadata replaced, removed or added, and runs those that load. Prints
 * how many were refused and how many ran; a crash shows in the exit status.
 */
import { isAtelierError } from '@atelier/errors';
import { type GgufValue, readGguf, readTensor, writeGguf } from '../src/gguf/index.ts';
import { Batch, LlamaContext, LlamaModel, loadNative } from '../src/index.ts';
import { RandomWeights } from '../src/testing/random-weights.ts';

const [, , original = '', count = '100'] = process.argv;
const random = new RandomWeights(7);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random.uniform() * list.length)] as T;

const values: GgufValue[] = [
  ...[0, 1, 2, 3, 7, 17, 255, 65_535, 2 ** 31 - 1, 2 ** 32 - 1].map((value): GgufValue => ({ type: 'UINT32', value })),
  ...[-1, 0, 2 ** 31 - 1].map((value): GgufValue => ({ type: 'INT32', value })),
  ...[0, -1, NaN, Infinity, 1e-5, 3e38].map((value): GgufValue => ({ type: 'FLOAT32', value })),
  ...['', 'llama', 'gpt2', 'bert', 'none', 't5', 'rwkv', 'default', 'yarn', 'qwen2', 'x'.repeat(5000)].map(
    (value): GgufValue => ({ type: 'STRING', value }),
  ),
  { type: 'BOOL', value: true },
  { type: 'UINT64', value: 2n ** 64n - 1n },
  { type: 'ARRAY', items: 'INT32', value: [] },
  { type: 'ARRAY', items: 'INT32', value: Array.from({ length: 320 }, () => 3) },
  { type: 'ARRAY', items: 'INT32', value: Array.from({ length: 320 }, () => -1) },
  { type: 'ARRAY', items: 'UINT32', value: [1_000_000] },
  { type: 'ARRAY', items: 'BOOL', value: [true] },
  { type: 'ARRAY', items: 'STRING', value: ['a b', 'a b'] },
  { type: 'ARRAY', items: 'STRING', value: ['nospace', ' ', ''] },
];
const additions = [
  'llama.expert_count',
  'llama.expert_used_count',
  'llama.expert_group_count',
  'llama.nextn_predict_layers',
  'llama.attention.key_length',
  'llama.attention.value_length',
  'llama.attention.layer_norm_epsilon',
  'llama.pooling_type',
  'llama.rope.scaling.type',
  'llama.rope.scaling.factor',
  'llama.embedding_length_out',
  'llama.classifier.output_labels',
  'tokenizer.ggml.scores',
  'tokenizer.ggml.precompiled_charsmap',
  'tokenizer.ggml.suppress_tokens',
  'tokenizer.ggml.unknown_token_id',
  'tokenizer.ggml.eot_token_id',
  'split.no',
  'general.sampling.top_k',
];

function tamper(metadata: Map<string, GgufValue>): void {
  for (let left = 1 + Math.floor(random.uniform() * 2); left > 0; left--) {
    const key = random.uniform() < 0.6 ? pick([...metadata.keys()]) : pick(additions);
    const old = metadata.get(key);
    // Mostly a value of the type that is expected: another type is refused early.
    const fitting = values.filter((value) => random.uniform() < 0.3 || !old || value.type === old.type);
    if (random.uniform() < 0.15) metadata.delete(key);
    else metadata.set(key, pick(fitting.length > 0 ? fitting : values));
  }
}

/** Loads and runs one file; an error of the catalogue is a fair answer. */
function tryModel(path: string): 'ran' | 'refused' {
  try {
    using model = LlamaModel.load(path);
    model.vocab.detokenize(model.vocab.tokenize('the quick é 你', { addSpecial: true, parseSpecial: true }));
    model.vocab.specialTokens();
    using context = new LlamaContext(model, { nCtx: 64, nBatch: 16, nThreads: 1 });
    const batch = new Batch(model.native, 2);
    batch.add(65, 0, 0, false);
    batch.add(66, 1, 0, true);
    context.decode(batch);
    return 'ran';
  } catch (error) {
    if (isAtelierError(error)) return 'refused';
    throw error;
  }
}

loadNative({ gpu: 'off' });
const file = await readGguf(original);
const counts = { ran: 0, refused: 0 };
for (let index = 0; index < Number(count); index++) {
  const metadata = new Map(file.metadata);
  tamper(metadata);
  const tensors = file.tensors.map((tensor) => ({ ...tensor, data: () => readTensor(original, tensor) }));
  const path = `${original}.mutant`;
  try {
    await writeGguf(path, { metadata: [...metadata], tensors });
  } catch (error) {
    // The writer refuses alignments that the reader would refuse as well.
    if (isAtelierError(error)) continue;
    throw error;
  }
  counts[tryModel(path)]++;
}
console.log(JSON.stringify(counts));
