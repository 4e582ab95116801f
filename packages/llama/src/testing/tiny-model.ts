import { encodeTensor, type FloatType } from '../gguf/encode-tensor.ts';
import type { GgufValue } from '../gguf/values.ts';
import { type GgufTensorSource, writeGguf } from '../gguf/write.ts';
import { RandomWeights } from './random-weights.ts';
import { tinyVocabulary } from './tiny-vocabulary.ts';

export interface TinyModelOptions {
  /** 320 by default. */
  vocabSize?: number;
  /** Width of the residual stream; 64 by default. */
  dim?: number;
  layers?: number;
  heads?: number;
  kvHeads?: number;
  /** Width of the feed-forward layer; 128 by default. */
  ff?: number;
  /** Training context length; 256 by default. */
  context?: number;
  /** Uses the token embedding as output layer as well. */
  tied?: boolean;
  seed?: number;
  chatTemplate?: string;
  /** How matrices are stored; F32 by default. Norms always are F32. */
  type?: FloatType;
}

type Sizes = Required<Omit<TinyModelOptions, 'chatTemplate'>>;

const defaults: Sizes = {
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
};

/** A matrix of the model with its shape in ggml order: inputs first, outputs second. */
interface Matrix {
  name: string;
  inputs: number;
  outputs: number;
}

/**
 * Writes a GGUF model of the `llama` architecture with random weights and a byte-level vocabulary with ChatML's tokens,
 * for tests: small enough to run in milliseconds, complete enough for everything that loads a model.
 */
export async function writeTinyModel(path: string, options: TinyModelOptions = {}): Promise<void> {
  const sizes = { ...defaults, ...options };
  const random = new RandomWeights(sizes.seed);
  const norm = (name: string): GgufTensorSource => {
    // Not ones: a computation that forgets a norm's weights must give other numbers.
    const weights = random.normal(sizes.dim, 1, 0.1);
    return { name, shape: [sizes.dim], type: 'F32', data: () => encodeTensor('F32', weights) };
  };
  const matrix = ({ name, inputs, outputs }: Matrix): GgufTensorSource => {
    const weights = random.normal(inputs * outputs, 0, 1 / Math.sqrt(inputs));
    return { name, shape: [inputs, outputs], type: sizes.type, data: () => encodeTensor(sizes.type, weights) };
  };
  const tensors = [
    matrix({ name: 'token_embd.weight', inputs: sizes.dim, outputs: sizes.vocabSize }),
    norm('output_norm.weight'),
    ...(sizes.tied ? [] : [matrix({ name: 'output.weight', inputs: sizes.dim, outputs: sizes.vocabSize })]),
  ];
  for (let layer = 0; layer < sizes.layers; layer++) {
    tensors.push(norm(`blk.${layer}.attn_norm.weight`), norm(`blk.${layer}.ffn_norm.weight`));
    tensors.push(...layerMatrices(sizes, layer).map(matrix));
  }
  await writeGguf(path, { metadata: modelMetadata(sizes, options.chatTemplate), tensors });
}

/** Writes a LoRA adapter with random weights for a model that `writeTinyModel` made with the same options. */
export async function writeTinyAdapter(
  path: string,
  options: TinyModelOptions & { rank?: number; alpha?: number } = {},
): Promise<void> {
  const sizes = { ...defaults, ...options };
  const { rank = 4, alpha = 8 } = options;
  const random = new RandomWeights(sizes.seed + 1000);
  const tensors = Array.from({ length: sizes.layers }, (_, layer) => layerMatrices(sizes, layer))
    .flat()
    .flatMap(({ name, inputs, outputs }): GgufTensorSource[] => {
      const a = random.normal(inputs * rank, 0, 1 / Math.sqrt(inputs));
      const b = random.normal(rank * outputs, 0, 1 / Math.sqrt(rank));
      return [
        { name: `${name}.lora_a`, shape: [inputs, rank], type: 'F32', data: () => encodeTensor('F32', a) },
        { name: `${name}.lora_b`, shape: [rank, outputs], type: 'F32', data: () => encodeTensor('F32', b) },
      ];
    });
  const metadata: [string, GgufValue][] = [
    ['general.architecture', { type: 'STRING', value: 'llama' }],
    ['general.type', { type: 'STRING', value: 'adapter' }],
    ['adapter.type', { type: 'STRING', value: 'lora' }],
    ['adapter.lora.alpha', { type: 'FLOAT32', value: alpha }],
  ];
  await writeGguf(path, { metadata, tensors });
}

function layerMatrices({ dim, heads, kvHeads, ff }: Sizes, layer: number): Matrix[] {
  const kv = (dim / heads) * kvHeads;
  const shapes: [string, number, number][] = [
    ['attn_q', dim, dim],
    ['attn_k', dim, kv],
    ['attn_v', dim, kv],
    ['attn_output', dim, dim],
    ['ffn_gate', dim, ff],
    ['ffn_up', dim, ff],
    ['ffn_down', ff, dim],
  ];
  return shapes.map(([name, inputs, outputs]) => ({ name: `blk.${layer}.${name}.weight`, inputs, outputs }));
}

function modelMetadata(sizes: Sizes, chatTemplate: string | undefined): [string, GgufValue][] {
  const number = (value: number): GgufValue => ({ type: 'UINT32', value });
  return [
    ['general.architecture', { type: 'STRING', value: 'llama' }],
    ['general.name', { type: 'STRING', value: 'tiny' }],
    ['llama.vocab_size', number(sizes.vocabSize)],
    ['llama.context_length', number(sizes.context)],
    ['llama.embedding_length', number(sizes.dim)],
    ['llama.block_count', number(sizes.layers)],
    ['llama.feed_forward_length', number(sizes.ff)],
    ['llama.attention.head_count', number(sizes.heads)],
    ['llama.attention.head_count_kv', number(sizes.kvHeads)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'FLOAT32', value: 1e-5 }],
    ['llama.rope.dimension_count', number(sizes.dim / sizes.heads)],
    ['llama.rope.freq_base', { type: 'FLOAT32', value: 10_000 }],
    ...tinyVocabulary(sizes.vocabSize),
    ...(chatTemplate === undefined
      ? []
      : [['tokenizer.chat_template', { type: 'STRING', value: chatTemplate }] as [string, GgufValue]]),
  ];
}
