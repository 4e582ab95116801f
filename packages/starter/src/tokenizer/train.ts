/** Trains the tokenizer on a corpus; the result is committed beside the models. */
import { generateCorpus } from '../corpus/generate.ts';
import type { CorpusRecord } from '../corpus/skill.ts';
import { byteCharacters } from './byte-characters.ts';
import { splitWords } from './pre-tokens.ts';
import { specialTokens } from './special-tokens.ts';
import { Tokenizer } from './tokenizer.ts';
import { trainMerges, type Merge } from './train-merges.ts';
import { vocabularySize } from './vocabulary-size.ts';

function* texts(record: CorpusRecord): Generator<string> {
  if (record.kind === 'text') yield record.text;
  else if (record.kind === 'fim') yield* [record.prefix, record.middle, record.suffix];
  else for (const message of record.messages) yield message.content;
}

/** How often each word occurs in the texts. */
export function countWords(all: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of all) for (const word of splitWords(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** A tokenizer of exactly `size` tokens. */
export function trainTokenizer(wordCounts: ReadonlyMap<string, number>, size: number): Tokenizer {
  const merges: Merge[] = trainMerges(wordCounts, size - specialTokens.length - byteCharacters.length);
  const tokenizer = new Tokenizer(merges);
  if (tokenizer.tokens.length !== size)
    throw new RangeError(`the text yields ${tokenizer.tokens.length} tokens, not ${size}`);
  return tokenizer;
}

/** The starter tokenizer, from a corpus of its own size and seed. */
export function trainStarterTokenizer(seed: number, tokens: number): Tokenizer {
  function* corpus() {
    for (const { record } of generateCorpus({ seed, tokens, split: 'train' })) yield* texts(record);
  }
  return trainTokenizer(countWords(corpus()), vocabularySize);
}
