/** A folder's tokenizer as GGUF's `tokenizer.ggml.*`. */
import path from 'node:path';
import type { GgufValue } from '@atelier/llama/gguf';
import type { Metadata, TokenizerKind } from '../families/family.ts';
import { invalidFile, quote } from '../invalid-file.ts';
import { preTokenizer } from './pre-tokenizer.ts';
import { specialTokens } from './special-tokens.ts';
import { tokenTypes } from './token-types.ts';
import { isByteLevel, type Step, steps, type TokenizerFiles, type TokenizerJson } from './tokenizer-files.ts';

interface Token {
  text: string;
  type: number;
  score: number;
}

/**
 * Tokens, types, merges, special tokens and chat template, for a model of `size` tokens. Throws `invalid_model_file`
 * for tokenizers that libllama does not have.
 */
export function tokenizerMetadata(files: TokenizerFiles, size: number, kind: TokenizerKind): Metadata {
  const { json } = files;
  const file = path.join(files.directory, 'tokenizer.json');
  if (kind === 'encoder') return wordPiece(files, size);
  if (json && isByteLevel(json)) return byteLevel(files, json, size, file);
  if (files.sentencePiece) {
    const { pieces, addsPrefix } = files.sentencePiece;
    const own = new Map(pieces.map(({ text, score, type }, id) => [id, { text, score, type }]));
    return spaceMarked(files, own, size, addsPrefix);
  }
  if (!json) throw invalidFile(files.directory, 'it holds neither tokenizer.json nor tokenizer.model');
  const marked = [...steps(json.normalizer), ...steps(json.pre_tokenizer)];
  if (json.model.type !== 'BPE' || !json.model.byte_fallback || !JSON.stringify(marked).includes('▁'))
    throw invalidFile(file, `a tokenizer of type ${quote(json.model.type)} without bytes is not supported`);
  return spaceMarked(files, scoredByMerges(json, file), size, marked.some(addsPrefix));
}

function addsPrefix(step: Step): boolean {
  if (step.type === 'Prepend') return true;
  return step.type === 'Metaspace' && step['prepend_scheme'] !== 'never' && step['add_prefix_space'] !== false;
}

/** `gpt2`: BPE over bytes. */
function byteLevel(files: TokenizerFiles, json: TokenizerJson, size: number, file: string): Metadata {
  const own = new Map<number, Token>();
  for (const [text, id] of vocabularyOf(json, file)) own.set(id, { text, type: tokenTypes.normal, score: 0 });
  const tokens = complete(files, own, size);
  return [
    ['tokenizer.ggml.model', { type: 'STRING', value: 'gpt2' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: preTokenizer(json, file) }],
    ...tokenLists(tokens),
    ['tokenizer.ggml.merges', strings(json.model.merges.map(mergeText))],
    ...specialTokens(files, tokens),
  ];
}

/** Newer files list the two sides; a space inside one is written as its byte's character. */
function mergeText(merge: string | readonly [string, string]): string {
  return typeof merge === 'string' ? merge : merge.map((side) => side.replaceAll(' ', 'Ġ')).join(' ');
}

/** `llama`: pieces in which `▁` marks spaces, joined by score. */
function spaceMarked(files: TokenizerFiles, own: Map<number, Token>, size: number, prefix: boolean): Metadata {
  const tokens = complete(files, own, size);
  return [
    ['tokenizer.ggml.model', { type: 'STRING', value: 'llama' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: 'default' }],
    ...tokenLists(tokens),
    ['tokenizer.ggml.scores', { type: 'ARRAY', items: 'FLOAT32', value: tokens.map(({ score }) => score) }],
    ['tokenizer.ggml.add_space_prefix', { type: 'BOOL', value: files.config?.add_prefix_space ?? prefix }],
    ...specialTokens(files, tokens),
  ];
}

/**
 * Scores for a vocabulary that only lists merges: the earlier the merge that makes a token, the higher. That is the
 * order in which transformers made the list from SentencePiece's scores.
 */
function scoredByMerges(json: TokenizerJson, file: string): Map<number, Token> {
  const ranks = new Map<string, number>();
  for (const [rank, merge] of json.model.merges.entries()) {
    const text = typeof merge === 'string' ? merge.replace(' ', '') : merge.join('');
    if (!ranks.has(text)) ranks.set(text, rank);
  }
  const type = (text: string): number => {
    if (text === json.model.unk_token) return tokenTypes.unknown;
    return /^<0x[0-9A-F]{2}>$/.test(text) ? tokenTypes.byte : tokenTypes.normal;
  };
  return new Map(
    vocabularyOf(json, file).map(([text, id]) => [
      id,
      { text, type: type(text), score: -(ranks.get(text) ?? json.model.merges.length) },
    ]),
  );
}

/** `bert`: WordPiece, in GGUF with `▁` before the beginning of a word instead of `##` before the rest of one. */
function wordPiece(files: TokenizerFiles, size: number): Metadata {
  const { json, words } = files;
  const file = path.join(files.directory, 'tokenizer.json');
  if (json && json.model.type !== 'WordPiece')
    throw invalidFile(
      file,
      `a tokenizer of type ${quote(json.model.type)} is not supported for this model; supported: WordPiece`,
    );
  const texts = json ? vocabularyOf(json, file) : words?.map((text, id) => [text, id] as const);
  if (!texts) throw invalidFile(files.directory, 'it holds neither tokenizer.json nor vocab.txt');
  const special = new Set([...files.added.values()].filter((token) => token.special).map(({ content }) => content));
  for (const text of ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']) special.add(text);
  const own = new Map<number, Token>();
  for (const [text, id] of texts) {
    const control = special.has(text);
    const phantom = text.startsWith('##') ? text.slice(2) : `▁${text}`;
    own.set(id, { text: control ? text : phantom, type: control ? tokenTypes.control : tokenTypes.normal, score: 0 });
  }
  const tokens = complete(files, own, size);
  const normalizer = steps(json?.normalizer).find(({ type }) => type === 'BertNormalizer');
  const lowercase = normalizer ? normalizer['lowercase'] !== false : (files.config?.do_lower_case ?? true);
  const strip = typeof normalizer?.['strip_accents'] === 'boolean' ? normalizer['strip_accents'] : lowercase;
  return [
    ['tokenizer.ggml.model', { type: 'STRING', value: 'bert' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: 'default' }],
    ...tokenLists(tokens),
    ['tokenizer.ggml.normalizer.lowercase', { type: 'BOOL', value: lowercase }],
    ['tokenizer.ggml.normalizer.strip_accents', { type: 'BOOL', value: strip }],
    ...specialTokens(files, tokens),
  ];
}

/** Every id from 0 to `size`: the vocabulary's own tokens, over them the added ones, and unused ones in the gaps. */
function complete(files: TokenizerFiles, own: ReadonlyMap<number, Token>, size: number): Token[] {
  const highest = [...own.keys(), ...files.added.keys()].reduce((most, id) => Math.max(most, id), -1);
  if (highest >= size)
    throw invalidFile(
      files.directory,
      `its tokenizer has the token ${highest}, its config.json a vocab_size of ${size}`,
    );
  const tokens = Array.from({ length: size }, (_, id): Token => {
    const token = own.get(id) ?? { text: `[PAD${id}]`, type: tokenTypes.unused, score: -10_000 };
    const added = files.added.get(id);
    if (!added) return token;
    const control = added.special || looksSpecial(added.content);
    if (control) return { text: added.content, type: tokenTypes.control, score: -1000 };
    return { text: added.content.replaceAll('▁', ' '), type: tokenTypes.userDefined, score: -1000 };
  });
  const seen = new Map<string, number>();
  for (const [id, { text }] of tokens.entries()) {
    const before = seen.get(text);
    if (before !== undefined)
      throw invalidFile(files.directory, `its tokens ${before} and ${id} are both ${quote(text)}`);
    seen.set(text, id);
  }
  return tokens;
}

/** Control tokens that some folders list as plain words. */
function looksSpecial(text: string): boolean {
  return /^(<\|.*\|>|<｜.*｜>|<unused.*>|<pad>|<mask>|<2mass>|\[@BOS@\])$/s.test(text);
}

function vocabularyOf(json: TokenizerJson, file: string): [string, number][] {
  const { vocab } = json.model;
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab))
    throw invalidFile(file, 'model.vocab is not a map of tokens');
  const seen = new Set<number>();
  return Object.entries(vocab).map(([text, id]: [string, unknown]) => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || seen.has(id))
      throw invalidFile(file, `model.vocab gives the token ${quote(text)} no number of its own`);
    seen.add(id);
    return [text, id];
  });
}

function tokenLists(tokens: readonly Token[]): Metadata {
  return [
    ['tokenizer.ggml.tokens', strings(tokens.map(({ text }) => text))],
    ['tokenizer.ggml.token_type', { type: 'ARRAY', items: 'INT32', value: tokens.map(({ type }) => type) }],
  ];
}

function strings(value: readonly string[]): GgufValue {
  return { type: 'ARRAY', items: 'STRING', value };
}
