/** The starter models' tokenizer: byte-level BPE. This encoder is the reference in tests; models use libllama's. */
import { byteCharacters, fromByteCharacters, toByteCharacters } from './byte-characters.ts';
import { preTokenizer, splitWords } from './pre-tokens.ts';
import { specialTokens } from './special-tokens.ts';
import type { Merge } from './train-merges.ts';

/** The file that the trainer writes; tokens follow from it. */
export type TokenizerFile = { version: 1; pre: string; specialTokens: string[]; merges: string[] };

export class Tokenizer {
  /** Text of each token: special tokens as they are, the others in GPT-2's byte spelling. */
  readonly tokens: readonly string[];
  /** Merges as GGUF stores them: the two halves with a space between. */
  readonly merges: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #ranks: ReadonlyMap<string, number>;

  constructor(merges: readonly Merge[]) {
    const tokens = new Set<string>([...specialTokens, ...byteCharacters]);
    for (const [left, right] of merges) tokens.add(left + right);
    this.tokens = [...tokens];
    this.merges = merges.map(([left, right]) => `${left} ${right}`);
    this.#ids = new Map(this.tokens.map((token, id) => [token, id]));
    this.#ranks = new Map(this.merges.map((merge, rank) => [merge, rank]));
  }

  static fromFile(file: TokenizerFile): Tokenizer {
    if (file.version !== 1 || file.pre !== preTokenizer || file.specialTokens.join() !== specialTokens.join()) {
      throw new Error('the tokenizer file was made by another version of the trainer');
    }
    return new Tokenizer(file.merges.map((merge) => merge.split(' ') as unknown as Merge));
  }

  toFile(): TokenizerFile {
    return { version: 1, pre: preTokenizer, specialTokens: [...specialTokens], merges: [...this.merges] };
  }

  /** Token ids of a text. Special tokens written in it are plain text unless `parseSpecial`. */
  encode(text: string, options: { parseSpecial?: boolean } = {}): number[] {
    if (!options.parseSpecial) return splitWords(text).flatMap((word) => this.#encodeWord(word));
    const cut = new RegExp(`(${specialTokens.map((token) => token.replaceAll('|', '\\|')).join('|')})`);
    return text.split(cut).flatMap((part, i) => (i % 2 === 1 ? [this.#ids.get(part)!] : this.encode(part)));
  }

  #encodeWord(word: string): number[] {
    let symbols = [...toByteCharacters(word)];
    for (;;) {
      let best = -1;
      let bestRank = Infinity;
      for (let i = 0; i + 1 < symbols.length; i++) {
        const rank = this.#ranks.get(`${symbols[i]} ${symbols[i + 1]}`);
        if (rank !== undefined && rank < bestRank) [best, bestRank] = [i, rank];
      }
      if (best < 0) return symbols.map((symbol) => this.#ids.get(symbol)!);
      symbols = [...symbols.slice(0, best), symbols[best]! + symbols[best + 1]!, ...symbols.slice(best + 2)];
    }
  }

  /** The text of token ids; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: readonly number[]): string {
    const bytes = ids.flatMap((id) => {
      const token = this.tokens[id];
      if (token === undefined) throw new RangeError(`no token ${id}`);
      return id < specialTokens.length ? [...new TextEncoder().encode(token)] : [...fromByteCharacters(token)];
    });
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }
}
