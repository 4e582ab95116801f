/**
 * Byte-pair encoding (Gage 1994; on words, Sennrich et al. 2016): merge the most frequent neighbouring pair, again and
 * again. Only words that hold the merged pair are recounted.
 */
import { byteCharacters, toByteCharacters } from './byte-characters.ts';

export type Merge = readonly [left: string, right: string];

type Word = { symbols: number[]; count: number };

/**
 * A space never joins a word that starts with a capital: a name is then the same tokens after a space, after a quotation
 * mark and at the start of an answer, and a small model can copy it token by token.
 */
function mayMerge(left: string, right: string): boolean {
  return !(left === byteCharacters[0x20] && /^[A-Z]/.test(right));
}

/** Pairs are keyed left * pairBase + right; vocabularies stay far below it. */
const pairBase = 0x10_0000;

class PairCounts {
  readonly #symbolTexts: readonly string[];
  readonly counts = new Map<number, number>();
  readonly #holders = new Map<number, Set<number>>();

  constructor(symbolTexts: readonly string[]) {
    this.#symbolTexts = symbolTexts;
  }

  add(word: number, { symbols, count }: Word, sign: 1 | -1): void {
    for (let i = 0; i + 1 < symbols.length; i++) {
      if (!mayMerge(this.#symbolTexts[symbols[i]!]!, this.#symbolTexts[symbols[i + 1]!]!)) continue;
      const pair = symbols[i]! * pairBase + symbols[i + 1]!;
      const total = (this.counts.get(pair) ?? 0) + sign * count;
      if (total > 0) this.counts.set(pair, total);
      else this.counts.delete(pair);
      if (sign > 0) {
        const holders = this.#holders.get(pair);
        if (holders) holders.add(word);
        else this.#holders.set(pair, new Set([word]));
      }
    }
  }

  /** The most frequent pair; of equals the one made of older symbols, so that the result does not depend on map order. */
  best(): { pair: number; count: number } | undefined {
    let best: { pair: number; count: number } | undefined;
    for (const [pair, count] of this.counts) {
      if (best === undefined || count > best.count || (count === best.count && pair < best.pair))
        best = { pair, count };
    }
    return best;
  }

  /** Words that held the pair when last counted; forgets them. */
  takeHolders(pair: number): Set<number> {
    const holders = this.#holders.get(pair) ?? new Set<number>();
    this.#holders.delete(pair);
    return holders;
  }
}

function replacePair(symbols: readonly number[], left: number, right: number, merged: number): number[] {
  const replaced: number[] = [];
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      replaced.push(merged);
      i++;
    } else {
      replaced.push(symbols[i]!);
    }
  }
  return replaced;
}

/**
 * At most `count` merges, most frequent first, in GPT-2's byte spelling. `wordCounts` says how often each word (see
 * pre-tokens.ts) occurs. Stops early when no pair occurs at least `minimumCount` times.
 */
export function trainMerges(wordCounts: ReadonlyMap<string, number>, count: number, minimumCount = 2): Merge[] {
  const symbolTexts = [...byteCharacters].sort();
  const symbolIds = new Map(symbolTexts.map((text, id) => [text, id]));
  const words: Word[] = [...wordCounts].map(([word, occurrences]) => ({
    symbols: [...toByteCharacters(word)].map((character) => symbolIds.get(character)!),
    count: occurrences,
  }));
  const pairs = new PairCounts(symbolTexts);
  words.forEach((word, i) => pairs.add(i, word, 1));
  const merges: Merge[] = [];
  while (merges.length < count) {
    const best = pairs.best();
    if (best === undefined || best.count < minimumCount) break;
    const left = Math.floor(best.pair / pairBase);
    const right = best.pair % pairBase;
    const text = symbolTexts[left]! + symbolTexts[right]!;
    // Two ways to spell one token would make its id ambiguous, so the second way reuses the first one's symbol.
    let merged = symbolIds.get(text);
    if (merged === undefined) {
      merged = symbolTexts.length;
      symbolTexts.push(text);
      symbolIds.set(text, merged);
    }
    merges.push([symbolTexts[left]!, symbolTexts[right]!]);
    for (const i of pairs.takeHolders(best.pair)) {
      const word = words[i]!;
      pairs.add(i, word, -1);
      word.symbols = replacePair(word.symbols, left, right, merged);
      pairs.add(i, word, 1);
    }
  }
  return merges;
}
