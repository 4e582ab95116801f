import { invalidFile, quote } from '../gguf/invalid-file.ts';
import { MetadataReader } from '../gguf/metadata.ts';
import type { GgufFile } from '../gguf/read.ts';

/** Counts by which native code divides or sizes memory, with the range that real models stay inside. */
const countRanges: Record<string, readonly [number, number]> = {
  context_length: [1, 2 ** 30],
  embedding_length: [1, 2 ** 20],
  block_count: [1, 512],
  vocab_size: [1, 2 ** 24],
  'attention.head_count': [1, 2 ** 14],
  'attention.head_count_kv': [0, 2 ** 14],
  'attention.key_length': [1, 2 ** 16],
  'attention.value_length': [1, 2 ** 16],
  'rope.dimension_count': [0, 2 ** 16],
  nextn_predict_layers: [0, 511],
  expert_count: [0, 1024],
  expert_used_count: [0, 1024],
  expert_group_count: [0, 1024],
  expert_group_used_count: [0, 1024],
};
/** What `pooling_type` may be, LLAMA_POOLING_TYPE_* in llama.h. */
const poolingTypes = [-1, 0, 1, 2, 3, 4];
const ropeScalings = new Set(['none', 'linear', 'yarn', 'longrope']);
/** Small numbers under a square root. */
const epsilons = ['attention.layer_norm_rms_epsilon', 'attention.layer_norm_epsilon', 'attention.group_norm_epsilon'];

/**
 * Checks what native code asserts about a model's metadata instead of reporting it: an assertion would end the
 * process. Throws `invalid_model_file`.
 */
export function checkModel(path: string, file: GgufFile): void {
  const metadata = new MetadataReader(file.metadata, path);
  const architecture = metadata.requireString('general.architecture');
  if (metadata.string('general.type') === 'adapter') throw invalidFile(path, 'it is an adapter, not a model');
  if ((metadata.number('split.count') ?? 0) > 1) throw invalidFile(path, 'it is one part of a split model');
  for (const [name, [least, greatest]] of Object.entries(countRanges)) {
    checkCount(path, metadata, `${architecture}.${name}`, least, greatest);
  }
  for (const name of epsilons) {
    const value = metadata.number(`${architecture}.${name}`) ?? 0;
    if (!(value >= 0 && value < 1)) throw invalidFile(path, `${architecture}.${name} is ${value}, not in [0, 1)`);
  }
  const most = (name: string): number => Math.max(0, ...counts(metadata, `${architecture}.${name}`));
  const extraLayers = most('nextn_predict_layers');
  if (extraLayers > 0 && extraLayers >= most('block_count')) {
    throw invalidFile(path, `${architecture}.nextn_predict_layers leaves no other layer`);
  }
  const [experts, used, groups, usedGroups] = [
    most('expert_count'),
    most('expert_used_count'),
    most('expert_group_count'),
    most('expert_group_used_count'),
  ];
  const grouped = groups <= 1 || (experts % groups === 0 && usedGroups > 0 && usedGroups < groups);
  const fits = experts === 0 ? used === 0 && groups === 0 : used > 0 && used <= experts && groups < experts && grouped;
  if (!fits)
    throw invalidFile(path, `its ${experts} experts do not go with ${used} used, ${usedGroups} of ${groups} groups`);
  const scaling = metadata.string(`${architecture}.rope.scaling.type`);
  if (scaling !== undefined && !ropeScalings.has(scaling))
    throw invalidFile(path, `its RoPE scaling ${quote(scaling)} is unknown`);
  const pooling = metadata.number(`${architecture}.pooling_type`);
  if (pooling !== undefined && !poolingTypes.includes(pooling))
    throw invalidFile(path, `${architecture}.pooling_type is ${pooling}`);
  for (const [key, entry] of file.metadata) {
    const isFloat = entry.type === 'FLOAT32' || entry.type === 'FLOAT64';
    if (isFloat && !Number.isFinite(entry.value)) throw invalidFile(path, `${key} is ${entry.value}`);
  }
  checkVocabulary(path, metadata);
}

function checkCount(path: string, metadata: MetadataReader, key: string, least: number, most: number): void {
  for (const value of counts(metadata, key)) {
    if (!Number.isInteger(value) || value < least || value > most) {
      throw invalidFile(path, `${key} is ${value}, not an integer from ${least} to ${most}`);
    }
  }
}

/** Values of a key that some architectures give once and others once per layer. */
function counts(metadata: MetadataReader, key: string): readonly number[] {
  if (!metadata.has(key)) return [];
  return metadata.isArray(key) ? (metadata.numbers(key) ?? []) : [metadata.requireNumber(key)];
}

function checkVocabulary(path: string, metadata: MetadataReader): void {
  const tokens = metadata.strings('tokenizer.ggml.tokens');
  if (!tokens) return;
  const seen = new Set<string>();
  for (const token of tokens) {
    // Native code gives empty tokens names of their own.
    if (token !== '' && seen.has(token))
      throw invalidFile(path, `its vocabulary holds the token ${quote(token)} twice`);
    seen.add(token);
  }
  if (metadata.string('tokenizer.ggml.model') === 'llama') {
    // A SentencePiece vocabulary spells what it does not know in bytes; native code throws when one is missing.
    for (let byte = 0; byte < 256; byte++) {
      const name = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
      if (!seen.has(name) && !(byte < 128 && seen.has(String.fromCharCode(byte)))) {
        throw invalidFile(path, `its vocabulary has no token for the byte ${name}`);
      }
    }
  }
  if (metadata.string('tokenizer.ggml.model') === 'bert') {
    // Native code asserts that a WordPiece vocabulary has these; the numbers are where BERT has them.
    for (const [name, usual] of Object.entries({ bos: 101, unknown: 100, seperator: 102 })) {
      const id = metadata.number(`tokenizer.ggml.${name}_token_id`) ?? usual;
      if (!(id >= 0 && id < tokens.length))
        throw invalidFile(path, `its ${name} token is ${id}, not in the vocabulary`);
    }
  }
  for (const key of ['tokenizer.ggml.scores', 'tokenizer.ggml.token_type']) {
    const length = metadata.numbers(key)?.length ?? tokens.length;
    if (length !== tokens.length) throw invalidFile(path, `${key} has ${length} entries for ${tokens.length} tokens`);
  }
}
