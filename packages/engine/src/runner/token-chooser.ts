import type { Candidates, LlamaContext, Sampler } from '@atelier/llama';
import type { TokenLogprob } from '../generate-event.ts';
import type { GrammarGate } from './grammar-gate.ts';
import { Logprobs } from './logprobs.ts';
import type { QuickPick } from './sampling.ts';
import type { RepeatedNgrams } from './repeated-ngrams.ts';

export type ChooserOptions = {
  /** Taken over, as the gate. */
  sampler: Sampler;
  /** Picks as the sampler would, faster; for samplers that look at nothing but probabilities. */
  quickPick?: QuickPick | undefined;
  gate?: GrammarGate | undefined;
  candidates: Candidates;
  ngrams?: RepeatedNgrams | undefined;
  /** Tokens that end a text: the model's own and the request's. */
  ends: ReadonlySet<number>;
  /** Generated tokens before which the text may not end. */
  minTokens?: number;
  /** How many alternatives to report of each token; undefined reports nothing. */
  logprobs?: number | undefined;
  bytesOf: (token: number) => Uint8Array;
};

export type Chosen = { token: number; end: boolean; bytes: Uint8Array; logprob?: TokenLogprob };

/** Decides on each next token of one sequence. */
export class TokenChooser implements Disposable {
  readonly #options: ChooserOptions;

  constructor(options: ChooserOptions) {
    this.#options = options;
  }

  /** The next token after a batch's entry, given how many there were; undefined when none is possible. */
  choose(context: LlamaContext, index: number, generated: number): Chosen | undefined {
    const { sampler, quickPick, gate, ngrams, ends, bytesOf, logprobs } = this.#options;
    const report = logprobs === undefined ? undefined : new Logprobs(context.logits(index), logprobs);
    const banned = this.#banned(generated);
    let token: number | undefined;
    if (gate === undefined && banned.length === 0 && !quickPick) token = sampler.sample(context, index);
    else {
      const logits = context.logits(index);
      for (const each of banned) logits[each] = -Infinity;
      token = this.#pick(logits);
      if (token === undefined) return undefined;
      gate?.accept(token);
      sampler.accept(token);
    }
    ngrams?.accept(token);
    const end = ends.has(token);
    return { token, end, bytes: bytesOf(token), ...(report && !end && { logprob: report.of(token, bytesOf) }) };
  }

  [Symbol.dispose](): void {
    this.#options.sampler[Symbol.dispose]();
    this.#options.gate?.[Symbol.dispose]();
  }

  #banned(generated: number): number[] {
    const { ngrams, ends, gate, minTokens = 0 } = this.#options;
    // The end is never a repetition, and it is the way out when nothing else is left. Grammars demand repetitions.
    const repeated = ngrams && !gate?.closed ? [...ngrams.banned()].filter((token) => !ends.has(token)) : [];
    return generated < minTokens ? [...repeated, ...ends] : repeated;
  }

  /**
   * Most tokens that a model likes obey the grammar it was asked to follow: only when the pick does not is the grammar
   * applied to the whole vocabulary, which costs milliseconds.
   */
  #pick(logits: Float32Array): number | undefined {
    const { sampler, quickPick, gate, candidates } = this.#options;
    for (;;) {
      if (!quickPick && !candidates.fill(logits)) return undefined;
      const token = quickPick ? quickPick(logits) : sampler.pick(candidates);
      if (token === undefined || gate?.allows(token) !== false) return token;
      if (gate.closed) {
        candidates.fill(logits);
        if (!gate.restrict()) return undefined;
        const other = sampler.pick(candidates);
        if (gate.isText(other)) return other;
        logits[other] = -Infinity;
      }
      logits[token] = -Infinity;
    }
  }
}
