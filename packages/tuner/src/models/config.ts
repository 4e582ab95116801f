/** The shape of a Llama-architecture model, read from GGUF metadata (keys as in llama.cpp's llama-arch.cpp). */
import { AtelierError } from '@atelier/errors';
import { MetadataReader, type GgufFile } from '@atelier/llama/gguf';

export type ModelConfig = {
  readonly architecture: 'llama';
  readonly context: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly normEpsilon: number;
  readonly ropeDimensions: number;
  readonly ropeBase: number;
  readonly ropeFrequencyScale: number;
  /** True when the output head is the token embedding. */
  readonly tied: boolean;
};

const supported = ['llama'];

/** Throws unsupported_model or invalid_model_file, naming the key, when the file is not a model this package trains. */
export function readConfig(file: GgufFile, name: string): ModelConfig {
  const metadata = new MetadataReader(file.metadata, name);
  const architecture = metadata.requireString('general.architecture');
  if (!supported.includes(architecture)) {
    throw new AtelierError('unsupported_model', { name, architecture, supported: supported.join(', ') });
  }
  const invalid = (reason: string): AtelierError => new AtelierError('invalid_model_file', { file: name, reason });
  const number = (key: string, fallback?: number): number => {
    const whole = `${architecture}.${key}`;
    const value = fallback === undefined ? metadata.requireNumber(whole) : (metadata.number(whole) ?? fallback);
    if (!Number.isFinite(value) || value < 0) throw invalid(`${whole} is ${value}`);
    return value;
  };
  const width = number('embedding_length');
  const heads = number('attention.head_count');
  const kvHeads = number('attention.head_count_kv', heads);
  const headSize = number('attention.key_length', width / heads);
  const embedding = file.tensors.find((tensor) => tensor.name === 'token_embd.weight');
  if (!embedding) throw invalid('token_embd.weight is missing');
  const scaling = metadata.string(`${architecture}.rope.scaling.type`) ?? 'none';
  if (scaling !== 'none' && scaling !== 'linear') throw invalid(`rope scaling '${scaling}' is not supported`);
  if (number('expert_count', 0) > 0) throw invalid('mixtures of experts are not supported');
  const config: ModelConfig = {
    architecture: 'llama',
    context: number('context_length'),
    width,
    heads,
    kvHeads,
    headSize,
    layers: number('block_count'),
    feedForward: number('feed_forward_length'),
    vocabulary: embedding.shape[1] ?? 0,
    normEpsilon: number('attention.layer_norm_rms_epsilon'),
    ropeDimensions: number('rope.dimension_count', headSize),
    ropeBase: number('rope.freq_base', 10_000),
    ropeFrequencyScale: scaling === 'linear' ? 1 / number('rope.scaling.factor') : 1,
    tied: !file.tensors.some((tensor) => tensor.name === 'output.weight'),
  };
  for (const [key, value] of Object.entries(config)) {
    if (typeof value === 'number' && (!Number.isFinite(value) || value <= 0)) throw invalid(`${key} is ${value}`);
  }
  for (const key of [
    'context',
    'width',
    'layers',
    'heads',
    'kvHeads',
    'headSize',
    'feedForward',
    'ropeDimensions',
  ] as const) {
    if (!Number.isInteger(config[key])) throw invalid(`${key} is ${config[key]}`);
  }
  if (heads % kvHeads !== 0) throw invalid(`${heads} heads do not divide into ${kvHeads} key heads`);
  if (number('attention.value_length', headSize) !== headSize) throw invalid('keys and values differ in size');
  return config;
}

/** Name and shape of every tensor a model of this shape has; the file may have these and no others. */
export function tensorShapes(config: ModelConfig, file: GgufFile): Map<string, readonly number[]> {
  const { width, feedForward } = config;
  const query = config.heads * config.headSize;
  const key = config.kvHeads * config.headSize;
  const shapes = new Map<string, readonly number[]>([
    ['token_embd.weight', [width, config.vocabulary]],
    ['output_norm.weight', [width]],
  ]);
  if (!config.tied) shapes.set('output.weight', [width, config.vocabulary]);
  const has = (name: string): boolean => file.tensors.some((tensor) => tensor.name === name);
  if (has('rope_freqs.weight')) shapes.set('rope_freqs.weight', [config.ropeDimensions / 2]);
  for (let layer = 0; layer < config.layers; layer++) {
    const block = (part: string, shape: readonly number[]): void => void shapes.set(`blk.${layer}.${part}`, shape);
    block('attn_norm.weight', [width]);
    block('attn_q.weight', [width, query]);
    block('attn_k.weight', [width, key]);
    block('attn_v.weight', [width, key]);
    block('attn_output.weight', [query, width]);
    for (const [part, size] of [
      ['attn_q.bias', query],
      ['attn_k.bias', key],
      ['attn_v.bias', key],
      ['attn_output.bias', width],
    ] as const) {
      if (has(`blk.${layer}.${part}`)) block(part, [size]);
    }
    block('ffn_norm.weight', [width]);
    block('ffn_gate.weight', [width, feedForward]);
    block('ffn_up.weight', [width, feedForward]);
    block('ffn_down.weight', [feedForward, width]);
  }
  return shapes;
}
