import { encodeTensor, type FloatType } from '../gguf/encode-tensor.ts';
import type { GgufValue } from '../gguf/values.ts';
import { type GgufTensorSource, writeGguf } from '../gguf/write.ts';
import { RandomWeights } from './random-weights.ts';
import { tinyFamilies, type TinyFamily } from './tiny-families.ts';
import { tinyVocabulary } from './tiny-vocabulary.ts';

export interface TinyModelOptions {
  /** The architecture; `llama` by default. Families have other default sizes where their ways need them. */
  family?: keyof typeof tinyFamilies;
  /** 320 by default. */
  vocabSize?: number;
  /** Width of the residual stream; 64 by default. */
  dim?: number;
  layers?: number;
  heads?: number;
  kvHeads?: number;
  /** Width of a head; an equal share of `dim` by default. */
  headSize?: number;
  /** Width of the feed-forward layer; 128 by default. */
  ff?: number;
  /** Training context length; 256 by default. */
  context?: number;
  /** Uses the token embedding as output layer as well. */
  tied?: boolean;
  seed?: number;
  chatTemplate?: string;
  /** How matrices are stored; F32 by default. Norms, biases and small tables always are F32. */
  type?: FloatType;
  /** Keys under the architecture's name, over those of the family. */
  metadata?: Readonly<Record<string, GgufValue>>;
  /** Keys of another vocabulary than the byte-level one; `vocabSize` then is its size. */
  vocabulary?: readonly (readonly [string, GgufValue])[];
  /** Further tensors of F32, such as frequency factors. */
  tensors?: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;
}

type Sizes = Required<Omit<TinyModelOptions, 'chatTemplate' | 'vocabulary' | 'metadata' | 'tensors'>>;

type Matrix = { readonly name: string; readonly inputs: number; readonly outputs: number };

const defaults = {
  family: 'llama',
  vocabSize: 320,
  dim: 64,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  ff: 128,
  context: 256,
  tied: false,
  seed: 1,
  type: 'F32',
} as const;

function sizesOf(options: TinyModelOptions): Sizes {
  const family: TinyFamily = tinyFamilies[options.family ?? 'llama'];
  const sizes = { ...defaults, ...family.sizes, ...options };
  return { headSize: sizes.dim / sizes.heads, ...sizes, tied: family.tied ?? sizes.tied };
}

/**
 * Writes a GGUF model with random weights and a byte-level vocabulary with ChatML's tokens, for tests: small enough to
 * run in milliseconds, complete enough for everything that loads a model.
 */
export async function writeTinyModel(path: string, options: TinyModelOptions = {}): Promise<void> {
  const sizes = sizesOf(options);
  const family: TinyFamily = tinyFamilies[sizes.family];
  const random = new RandomWeights(sizes.seed);
  const vector = (name: string, weights: Float32Array): GgufTensorSource => ({
    name,
    shape: [weights.length],
    type: 'F32',
    data: () => encodeTensor('F32', weights),
  });
  // Not ones and zeros: a computation that forgets a norm's weights or a bias must give other numbers.
  const norm = (name: string, size = sizes.dim): GgufTensorSource[] => [
    vector(`${name}.weight`, random.normal(size, 1, 0.1)),
    ...(family.normBiases ? [vector(`${name}.bias`, random.normal(size, 0, 0.1))] : []),
  ];
  const table = (name: string, inputs: number, outputs: number, type: FloatType): GgufTensorSource => {
    const weights = random.normal(inputs * outputs, 0, 1 / Math.sqrt(inputs));
    return { name, shape: [inputs, outputs], type, data: () => encodeTensor(type, weights) };
  };
  const matrix = ({ name, inputs, outputs }: Matrix): GgufTensorSource[] => [
    table(`${name}.weight`, inputs, outputs, sizes.type),
    ...(family.biases?.some((part) => name.endsWith(`.${part}`))
      ? [vector(`${name}.bias`, random.normal(outputs, 0, 0.1))]
      : []),
  ];
  const tensors = [
    table('token_embd.weight', sizes.dim, sizes.vocabSize, sizes.type),
    ...(family.learnedPositions ? [table('position_embd.weight', sizes.dim, sizes.context, 'F32')] : []),
    ...(family.encoder ? [table('token_types.weight', sizes.dim, 2, 'F32')] : []),
    ...norm(family.encoder ? 'token_embd_norm' : 'output_norm'),
    ...(sizes.tied || family.encoder ? [] : [table('output.weight', sizes.dim, sizes.vocabSize, sizes.type)]),
    ...Object.entries(options.tensors ?? {}).map(([name, { shape, data }]): GgufTensorSource => ({
      name,
      shape: [...shape],
      type: 'F32',
      data: () => encodeTensor('F32', data),
    })),
  ];
  for (let layer = 0; layer < sizes.layers; layer++) {
    for (const part of family.norms) tensors.push(...norm(`blk.${layer}.${part}`));
    if (family.headNorms)
      for (const part of ['attn_q_norm', 'attn_k_norm']) tensors.push(...norm(`blk.${layer}.${part}`, sizes.headSize));
    tensors.push(...layerMatrices(sizes, layer).flatMap(matrix));
  }
  await writeGguf(path, { metadata: modelMetadata(sizes, options), tensors });
}

/** Writes a LoRA adapter with random weights for a model that `writeTinyModel` made with the same options. */
export async function writeTinyAdapter(
  path: string,
  options: TinyModelOptions & { rank?: number; alpha?: number } = {},
): Promise<void> {
  const sizes = sizesOf(options);
  const { rank = 4, alpha = 8 } = options;
  const random = new RandomWeights(sizes.seed + 1000);
  const tensors = Array.from({ length: sizes.layers }, (_, layer) => layerMatrices(sizes, layer))
    .flat()
    .flatMap(({ name, inputs, outputs }): GgufTensorSource[] => {
      const a = random.normal(inputs * rank, 0, 1 / Math.sqrt(inputs));
      const b = random.normal(rank * outputs, 0, 1 / Math.sqrt(rank));
      return [
        { name: `${name}.weight.lora_a`, shape: [inputs, rank], type: 'F32', data: () => encodeTensor('F32', a) },
        { name: `${name}.weight.lora_b`, shape: [rank, outputs], type: 'F32', data: () => encodeTensor('F32', b) },
      ];
    });
  const metadata: [string, GgufValue][] = [
    ['general.architecture', { type: 'STRING', value: sizes.family }],
    ['general.type', { type: 'STRING', value: 'adapter' }],
    ['adapter.type', { type: 'STRING', value: 'lora' }],
    ['adapter.lora.alpha', { type: 'FLOAT32', value: alpha }],
  ];
  await writeGguf(path, { metadata, tensors });
}

function layerMatrices({ family, dim, heads, kvHeads, headSize, ff }: Sizes, layer: number): Matrix[] {
  const { fusedQkv, gate }: TinyFamily = tinyFamilies[family];
  const query = headSize * heads;
  const key = headSize * kvHeads;
  const attention: [string, number, number][] = fusedQkv
    ? [['attn_qkv', dim, query + 2 * key]]
    : [
        ['attn_q', dim, query],
        ['attn_k', dim, key],
        ['attn_v', dim, key],
      ];
  const shapes: [string, number, number][] = [
    ...attention,
    ['attn_output', query, dim],
    ...(gate === undefined ? [['ffn_gate', dim, ff] as [string, number, number]] : []),
    ['ffn_up', dim, gate === 'fused' ? 2 * ff : ff],
    ['ffn_down', ff, dim],
  ];
  return shapes.map(([name, inputs, outputs]) => ({ name: `blk.${layer}.${name}`, inputs, outputs }));
}

function modelMetadata(sizes: Sizes, options: TinyModelOptions): [string, GgufValue][] {
  const number = (value: number): GgufValue => ({ type: 'UINT32', value });
  const family: TinyFamily = tinyFamilies[sizes.family];
  const epsilon = family.normBiases ? 'attention.layer_norm_epsilon' : 'attention.layer_norm_rms_epsilon';
  const keys: Record<string, GgufValue> = {
    vocab_size: number(sizes.vocabSize),
    context_length: number(sizes.context),
    embedding_length: number(sizes.dim),
    block_count: number(sizes.layers),
    feed_forward_length: number(sizes.ff),
    'attention.head_count': number(sizes.heads),
    'attention.head_count_kv': number(sizes.kvHeads),
    [epsilon]: { type: 'FLOAT32', value: 1e-5 },
    ...(family.encoder && { 'attention.causal': { type: 'BOOL', value: false } }),
    ...(sizes.headSize * sizes.heads !== sizes.dim && {
      'attention.key_length': number(sizes.headSize),
      'attention.value_length': number(sizes.headSize),
    }),
    'rope.dimension_count': number(sizes.headSize),
    'rope.freq_base': { type: 'FLOAT32', value: 10_000 },
    ...family.metadata,
    ...options.metadata,
  };
  return [
    ['general.architecture', { type: 'STRING', value: sizes.family }],
    ['general.name', { type: 'STRING', value: 'tiny' }],
    ...Object.entries(keys).map(([key, value]): [string, GgufValue] => [`${sizes.family}.${key}`, value]),
    ...(family.encoder ? [['tokenizer.ggml.token_type_count', number(2)] as [string, GgufValue]] : []),
    ...(options.vocabulary ?? tinyVocabulary(sizes.vocabSize)).map(([key, value]): [string, GgufValue] => [key, value]),
    ...(options.chatTemplate === undefined
      ? []
      : [['tokenizer.chat_template', { type: 'STRING', value: options.chatTemplate }] as [string, GgufValue]]),
  ];
}
