import type { GgufValue } from '../gguf/values.ts';

/** Token types as GGUF stores them. */
const tokenTypes = { normal: 1, control: 3, unused: 5 } as const;

const controls = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'];

/** A few frequent pairs, in order of priority; each side is a byte's character or an earlier merge. */
const merges = [
  't h',
  'th e',
  'i n',
  'e r',
  'a n',
  'Ġ a',
  'Ġ t',
  'o n',
  'r e',
  'Ġ the',
  'in g',
  'l l',
  'o r',
  'Ġ w',
  'Ã ¤',
];

/** Fewest tokens: the bytes, the merges and the control tokens. */
export const smallestVocabulary = 256 + merges.length + controls.length;

/**
 * A byte-level BPE vocabulary of `size` tokens in GGUF's `gpt2` form: every byte, a few merges, the control tokens of
 * ChatML and of fill-in-the-middle, and unused tokens up to the size.
 */
export function tinyVocabulary(size: number): [string, GgufValue][] {
  if (!Number.isInteger(size) || size < smallestVocabulary)
    throw new RangeError(`vocabSize is ${size}, below ${smallestVocabulary}`);
  const plain = [...byteCharacters(), ...merges.map((merge) => merge.replace(' ', ''))];
  const unused = Array.from({ length: size - smallestVocabulary }, (_, index) => `<|unused_${index}|>`);
  const tokens = [...plain, ...controls, ...unused];
  const types = [
    ...plain.map(() => tokenTypes.normal),
    ...controls.map(() => tokenTypes.control),
    ...unused.map(() => tokenTypes.unused),
  ];
  const id = (text: string): GgufValue => ({ type: 'UINT32', value: tokens.indexOf(text) });
  return [
    ['tokenizer.ggml.model', { type: 'STRING', value: 'gpt2' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: 'gpt-2' }],
    ['tokenizer.ggml.tokens', { type: 'ARRAY', items: 'STRING', value: tokens }],
    ['tokenizer.ggml.token_type', { type: 'ARRAY', items: 'INT32', value: types }],
    ['tokenizer.ggml.merges', { type: 'ARRAY', items: 'STRING', value: merges }],
    ['tokenizer.ggml.bos_token_id', id('<|endoftext|>')],
    ['tokenizer.ggml.eos_token_id', id('<|im_end|>')],
    ['tokenizer.ggml.padding_token_id', id('<|endoftext|>')],
    ['tokenizer.ggml.fim_pre_token_id', id('<|fim_prefix|>')],
    ['tokenizer.ggml.fim_suf_token_id', id('<|fim_suffix|>')],
    ['tokenizer.ggml.fim_mid_token_id', id('<|fim_middle|>')],
    ['tokenizer.ggml.add_bos_token', { type: 'BOOL', value: false }],
  ];
}

/**
 * The character that byte-level BPE writes for each byte: printable Latin-1 characters stand for themselves, the other
 * bytes for the code points from 256 on, in order.
 */
function byteCharacters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCodePoint(printable ? byte : next++);
  });
}
