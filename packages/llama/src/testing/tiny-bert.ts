import { encodeTensor } from '../gguf/encode-tensor.ts';
import type { GgufValue } from '../gguf/values.ts';
import { type GgufTensorSource, writeGguf } from '../gguf/write.ts';
import { RandomWeights } from './random-weights.ts';

export interface TinyBertOptions {
  /** 64 by default. */
  dim?: number;
  layers?: number;
  heads?: number;
  ff?: number;
  /** 128 by default; no position has an embedding beyond it. */
  context?: number;
  /** How the file says that embeddings are joined; it says nothing by default. */
  pooling?: 'mean' | 'cls' | 'last' | 'rank';
  seed?: number;
}

const poolingTypes = { mean: 1, cls: 2, last: 3, rank: 4 };

const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const characters = [...'abcdefghijklmnopqrstuvwxyz0123456789.,!?'];
/** WordPiece as GGUF stores it: what begins a word begins with a mark, what goes on with one does not. */
const wordPieces = [
  ...specials,
  ...characters.map((character) => `▁${character}`),
  ...characters,
  '▁the',
  '▁sun',
  '▁moon',
  '▁good',
  '▁bad',
  'ing',
  'er',
];

/**
 * Writes a GGUF model of the `bert` architecture with random weights and a small WordPiece vocabulary; with pooling `rank`
 * it has the head of a reranker, one score for a sequence.
 */
export async function writeTinyBert(path: string, options: TinyBertOptions = {}): Promise<void> {
  const { dim = 64, layers = 2, heads = 4, ff = 128, context = 128, pooling, seed = 1 } = options;
  const random = new RandomWeights(seed);
  const vector = (name: string, size: number, mean: number): GgufTensorSource => {
    const values = random.normal(size, mean, 0.1);
    return { name, shape: [size], type: 'F32', data: () => encodeTensor('F32', values) };
  };
  const matrix = (name: string, inputs: number, outputs: number): GgufTensorSource => {
    const values = random.normal(inputs * outputs, 0, 1 / Math.sqrt(inputs));
    return { name, shape: [inputs, outputs], type: 'F32', data: () => encodeTensor('F32', values) };
  };
  const norm = (name: string) => [vector(`${name}.weight`, dim, 1), vector(`${name}.bias`, dim, 0)];
  const linear = (name: string, inputs: number, outputs: number) => [
    matrix(`${name}.weight`, inputs, outputs),
    vector(`${name}.bias`, outputs, 0),
  ];
  const tensors = [
    matrix('token_embd.weight', dim, wordPieces.length),
    matrix('token_types.weight', dim, 2),
    matrix('position_embd.weight', dim, context),
    ...norm('token_embd_norm'),
    ...(pooling === 'rank' ? [...linear('cls', dim, dim), ...linear('cls.output', dim, 1)] : []),
  ];
  for (let layer = 0; layer < layers; layer++) {
    const block = `blk.${layer}`;
    for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_output'])
      tensors.push(...linear(`${block}.${part}`, dim, dim));
    tensors.push(...linear(`${block}.ffn_up`, dim, ff), ...linear(`${block}.ffn_down`, ff, dim));
    tensors.push(...norm(`${block}.attn_output_norm`), ...norm(`${block}.layer_output_norm`));
  }
  const number = (value: number): GgufValue => ({ type: 'UINT32', value });
  const metadata: [string, GgufValue][] = [
    ['general.architecture', { type: 'STRING', value: 'bert' }],
    ['general.name', { type: 'STRING', value: 'tiny-bert' }],
    ['bert.context_length', number(context)],
    ['bert.embedding_length', number(dim)],
    ['bert.block_count', number(layers)],
    ['bert.feed_forward_length', number(ff)],
    ['bert.attention.head_count', number(heads)],
    ['bert.attention.layer_norm_epsilon', { type: 'FLOAT32', value: 1e-12 }],
    ['bert.attention.causal', { type: 'BOOL', value: false }],
    ...(pooling === undefined ? [] : [['bert.pooling_type', number(poolingTypes[pooling])] as [string, GgufValue]]),
    ['tokenizer.ggml.model', { type: 'STRING', value: 'bert' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: 'jina-v2-en' }],
    ['tokenizer.ggml.tokens', { type: 'ARRAY', items: 'STRING', value: wordPieces }],
    ['tokenizer.ggml.token_type_count', number(2)],
    ...Object.entries({ padding: 0, unknown: 1, bos: 2, cls: 2, eos: 3, seperator: 3, mask: 4 }).map(
      ([name, id]): [string, GgufValue] => [`tokenizer.ggml.${name}_token_id`, number(id)],
    ),
  ];
  await writeGguf(path, { metadata, tensors });
}
