/**
 * About how many tokens a text has, from the vocabulary in a model's file: the longest token that fits is taken again and
 * again. Real tokenisers merge in another order and split at words first; the counts differ by a few percent, which is
 * enough to size batches, and no native code is needed.
 */
import { MetadataReader, readGguf } from '@atelier/llama/gguf';

/** Longer tokens are runs of spaces and the like. */
const LONGEST_TOKEN = 24;

export type TokenCount = (text: string) => number;

/** @throws AtelierError `invalid_model_file` */
export async function tokenCounter(modelFile: string): Promise<TokenCount> {
  const { metadata } = await readGguf(modelFile);
  const reader = new MetadataReader(metadata, 'model');
  const vocabulary = new Set(reader.strings('tokenizer.ggml.tokens') ?? []);
  // Byte-level vocabularies write each byte as a character of its own, the others a space as U+2581.
  const byteLevel = reader.string('tokenizer.ggml.model') === 'gpt2';
  return (text) => countLongest(byteLevel ? byteCharacters(text) : text.replaceAll(' ', '\u2581'), vocabulary);
}

function countLongest(text: string, vocabulary: ReadonlySet<string>): number {
  let tokens = 0;
  for (let at = 0; at < text.length; tokens++) {
    let length = Math.min(LONGEST_TOKEN, text.length - at);
    while (length > 1 && !vocabulary.has(text.slice(at, at + length))) length--;
    at += length;
  }
  return tokens;
}

/** Printable Latin-1 characters stand for their own byte, the code points from 256 on for the other bytes in order. */
const characterOfByte = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(printable ? byte : next++);
  });
})();

function byteCharacters(text: string): string {
  let characters = '';
  for (const byte of Buffer.from(text)) characters += characterOfByte[byte];
  return characters;
}
