import type { GgufValue } from '../gguf/values.ts';
import { RandomWeights } from './random-weights.ts';
import { type TinyModelOptions, writeTinyModel } from './tiny-model.ts';

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
  const { pooling, ...sizes } = options;
  const { dim = 64, heads = 4, context = 128, seed = 1 } = sizes;
  await writeTinyModel(path, {
    family: 'bert',
    ...sizes,
    dim,
    heads,
    kvHeads: heads,
    context,
    vocabSize: wordPieces.length,
    vocabulary: wordPieceVocabulary(),
    ...(pooling && { metadata: { pooling_type: number(poolingTypes[pooling]) } }),
    ...(pooling === 'rank' && { tensors: rankingHead(dim, new RandomWeights(seed + 2000)) }),
  });
}

const number = (value: number): GgufValue => ({ type: 'UINT32', value });

function wordPieceVocabulary(): [string, GgufValue][] {
  return [
    ['tokenizer.ggml.model', { type: 'STRING', value: 'bert' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: 'jina-v2-en' }],
    ['tokenizer.ggml.tokens', { type: 'ARRAY', items: 'STRING', value: wordPieces }],
    ...Object.entries({ padding: 0, unknown: 1, bos: 2, cls: 2, eos: 3, seperator: 3, mask: 4 }).map(
      ([name, id]): [string, GgufValue] => [`tokenizer.ggml.${name}_token_id`, number(id)],
    ),
  ];
}

function rankingHead(dim: number, random: RandomWeights): NonNullable<TinyModelOptions['tensors']> {
  const matrix = (outputs: number) => ({
    shape: [dim, outputs],
    data: random.normal(dim * outputs, 0, 1 / Math.sqrt(dim)),
  });
  const bias = (outputs: number) => ({ shape: [outputs], data: random.normal(outputs, 0, 0.1) });
  return {
    'cls.weight': matrix(dim),
    'cls.bias': bias(dim),
    'cls.output.weight': matrix(1),
    'cls.output.bias': bias(1),
  };
}
