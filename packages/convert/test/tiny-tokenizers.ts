/** Small tokenizers in the files of Hugging Face folders. */

const merges = ['t h', 'th e', 'i n', 'e r', 'a n', 'Ġ a', 'Ġ t', 'o n', 'Ġ the', 'in g'];
const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const split = (digits: string): object => ({
  type: 'Sequence',
  pretokenizers: [
    {
      type: 'Split',
      pattern: {
        Regex: String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
      },
      behavior: 'Isolated',
      invert: false,
    },
    { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
  ],
});
const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

export const preTokenizers = {
  'gpt-2': bytes,
  qwen2: split(String.raw`\p{N}`),
  'llama-bpe': split(String.raw`\p{N}{1,3}`),
  smollm: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, bytes] },
} as const;

export type Files = Record<string, string | Uint8Array>;

const plainToken = { normalized: false, lstrip: false, rstrip: false, single_word: false };

/** tokenizer.json and tokenizer_config.json of a byte-level vocabulary with ChatML's tokens; 269 tokens. */
export function byteLevelFiles(pre: keyof typeof preTokenizers): Files {
  const plain = [...byteCharacters(), ...merges.map((merge) => merge.replace(' ', ''))];
  const added = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'].map((content, index) => ({
    id: plain.length + index,
    content,
    special: true,
    ...plainToken,
  }));
  const tokenizer = {
    version: '1.0',
    added_tokens: added,
    normalizer: pre === 'qwen2' ? { type: 'NFC' } : null,
    pre_tokenizer: preTokenizers[pre],
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      byte_fallback: false,
      ignore_merges: pre === 'llama-bpe',
      vocab: Object.fromEntries(plain.map((text, id) => [text, id])),
      // Both forms in which files list them.
      merges: pre === 'qwen2' ? merges.map((merge) => merge.split(' ')) : merges,
    },
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<|endoftext|>',
    eos_token: { __type: 'AddedToken', content: '<|im_end|>', ...plainToken },
    pad_token: '<|endoftext|>',
    add_bos_token: pre === 'llama-bpe',
    chat_template: '{{ messages[0].content }}',
  };
  return { 'tokenizer.json': JSON.stringify(tokenizer), 'tokenizer_config.json': JSON.stringify(config) };
}

/** Pieces with the score by which SentencePiece joins them; the words come before their parts. */
const words = ['▁the', '▁a', '▁t', 'the', 'th', 'he', 'in', 'ing', 'er', 'an', '▁and'];
const letters = [...'▁abcdefghijklmnopqrstuvwxyz.,!?'];

function pieces(): { text: string; score: number; type: number }[] {
  const byte = (value: number): string => `<0x${value.toString(16).toUpperCase().padStart(2, '0')}>`;
  return [
    { text: '<unk>', score: 0, type: 2 },
    { text: '<s>', score: 0, type: 3 },
    { text: '</s>', score: 0, type: 3 },
    ...Array.from({ length: 256 }, (_, value) => ({ text: byte(value), score: 0, type: 6 })),
    ...words.map((text, rank) => ({ text, score: -rank, type: 1 })),
    ...letters.map((text) => ({ text, score: -words.length, type: 1 })),
  ];
}

const specials = ['<unk>', '<s>', '</s>'].map((content, id) => ({ id, content, special: true, ...plainToken }));
const markedConfig = {
  tokenizer_class: 'LlamaTokenizer',
  bos_token: '<s>',
  eos_token: '</s>',
  unk_token: '<unk>',
  add_bos_token: true,
  add_eos_token: false,
  added_tokens_decoder: Object.fromEntries(specials.map(({ id, ...token }) => [id, token])),
};

/** tokenizer.model, a SentencePiece model; 301 tokens. */
export function sentencePieceFiles(addPrefix = true): Files {
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)]);
  const block = (field: number, content: Uint8Array): Buffer =>
    Buffer.concat([Buffer.from([field * 8 + 2, ...varint(content.length)]), content]);
  const encoded = pieces().map(({ text, score, type }) => {
    const number = Buffer.alloc(5);
    number[0] = 2 * 8 + 5;
    number.writeFloatLE(score, 1);
    return block(1, Buffer.concat([block(1, Buffer.from(text)), number, Buffer.from([3 * 8, type])]));
  });
  // BPE, with the bytes that other texts fall back to.
  const trainer = block(2, Buffer.from([3 * 8, 2, ...varint(35 * 8), 1]));
  const normalizer = block(
    3,
    Buffer.concat([block(1, Buffer.from('identity')), Buffer.from([3 * 8, Number(addPrefix)])]),
  );
  return {
    'tokenizer.model': Buffer.concat([...encoded, trainer, normalizer]),
    'tokenizer_config.json': JSON.stringify(markedConfig),
  };
}

/** The same vocabulary as tokenizer.json alone, as transformers converts it: merges in place of scores. */
export function mergedPieceFiles(): Files {
  const known = new Set([...words, ...letters]);
  const merges = words.flatMap((word) => {
    const cuts = Array.from({ length: [...word].length - 1 }, (_, cut) => cut + 1);
    return cuts
      .map((cut) => [[...word].slice(0, cut).join(''), [...word].slice(cut).join('')])
      .filter(([left = '', right = '']) => known.has(left) && known.has(right));
  });
  const tokenizer = {
    version: '1.0',
    added_tokens: specials,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }],
    },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(pieces().map(({ text }, id) => [text, id])),
      merges,
    },
  };
  const { add_bos_token: _, add_eos_token: __, ...config } = markedConfig;
  return { 'tokenizer.json': JSON.stringify(tokenizer), 'tokenizer_config.json': JSON.stringify(config) };
}

/** WordPiece of an uncased BERT; 60 tokens and some. */
export function wordPieceFiles(): Files {
  const plain = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'the', 'cat', '##s', '##ing', 'sing'];
  const alphabet = [...'abcdefghijklmnopqrstuvwxyz'];
  const vocabulary = [
    ...plain,
    ...alphabet,
    ...alphabet.filter((letter) => letter !== 's').map((letter) => `##${letter}`),
  ];
  const added = plain.slice(0, 5).map((content, id) => ({ id, content, special: true, ...plainToken }));
  const tokenizer = {
    version: '1.0',
    added_tokens: added,
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((text, id) => [text, id])),
    },
  };
  const config = {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    cls_token: '[CLS]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    unk_token: '[UNK]',
    mask_token: '[MASK]',
  };
  return { 'tokenizer.json': JSON.stringify(tokenizer), 'tokenizer_config.json': JSON.stringify(config) };
}

/** GPT-2's character of each byte: itself where it prints, else the next code point from 256 on. */
function byteCharacters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCodePoint(printable ? byte : next++);
  });
}
