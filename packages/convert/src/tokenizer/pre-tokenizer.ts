/**
 * Which of libllama's pre-tokenizers splits text as a tokenizer.json says. They are known by the description itself:
 * the expression, and what stands around it. One that is not known is refused, because a model that sees other tokens
 * than it was trained on answers badly without an error.
 */
import { invalidFile } from '../invalid-file.ts';
import { type Step, steps, type TokenizerJson } from './tokenizer-files.ts';

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const capitalised = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`;
const capitals = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`;
const spaces = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const words = (digits: string): string =>
  String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${spaces}`;

/** By what `signature` gives. Where vocabularies differ in taking whole words before merging, there are two names. */
const known = new Map<string, string>([
  ['bytes', 'gpt-2'],
  ['digits bytes', 'smollm'],
  [`split ${words(String.raw`\p{N}{1,3}`)} whole`, 'llama-bpe'],
  [`split ${words(String.raw`\p{N}{1,3}`)}`, 'smaug-bpe'],
  [`split ${words(String.raw`\p{N}`)}`, 'qwen2'],
  [String.raw`split ${capitalised}|${capitals}|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${spaces}`, 'tekken'],
  [String.raw`split ${capitalised}|${capitals}|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${spaces} whole`, 'tekken'],
  [
    String.raw`split ${capitalised}${contractions}?|${capitals}${contractions}?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${spaces}`,
    'gpt-4o',
  ],
]);

/** The value of `tokenizer.ggml.pre`. Throws `invalid_model_file` with the description that is not known. */
export function preTokenizer(json: TokenizerJson, file: string): string {
  const normalizers = steps(json.normalizer).filter(({ type }) => type !== 'NFC');
  if (normalizers.length > 0)
    throw invalidFile(
      file,
      `its normalizer ${normalizers.map(({ type }) => type).join(', ')} is not supported with byte-level BPE`,
    );
  const signature = steps(json.pre_tokenizer).map(describe).filter(Boolean).join(' ');
  const name = known.get(json.model.ignore_merges ? `${signature} whole` : signature);
  if (name === undefined)
    throw invalidFile(
      file,
      `its pre-tokenizer is not known here: ${signature}${json.model.ignore_merges ? ' whole' : ''}`,
    );
  return name;
}

function describe(step: Step): string {
  const { type } = step;
  if (type === 'ByteLevel') {
    if (step['add_prefix_space'] === true) return 'bytes-with-prefix-space';
    return step['use_regex'] === false ? '' : 'bytes';
  }
  if (type === 'Digits' && step['individual_digits'] === true) return 'digits';
  const pattern = (step['pattern'] as { Regex?: unknown } | undefined)?.Regex;
  if (type === 'Split' && typeof pattern === 'string' && step['behavior'] === 'Isolated' && step['invert'] !== true)
    return `split ${pattern}`;
  return JSON.stringify(step).slice(0, 500);
}
