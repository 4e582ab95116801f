import type { Usage } from '../engine.ts';
import { RepeatedNgrams } from './repeated-ngrams.ts';
import { StopMatcher } from './stop-matcher.ts';

export type SequenceOptions = {
  id: number;
  prompt: ArrayLike<number>;
  /** Most tokens to generate. */
  maxTokens: number;
  /** Most tokens of prompt and text together. */
  contextTokens: number;
  stop: readonly string[];
  noRepeatNgramSize: number;
};

export type Step = { text: string; finish?: 'stop' | 'length' };

/** One generation as text: the tokens so far, and what of their text may be shown. */
export class Sequence {
  readonly id: number;
  readonly tokens: number[];
  /** How many of the tokens the context's memory holds. */
  cached = 0;
  readonly promptTokens: number;
  readonly ngrams: RepeatedNgrams | undefined;
  readonly #end: number;
  readonly #stops: StopMatcher;
  /** Keeps the bytes of a character that is not complete; what is no UTF-8 becomes U+FFFD. */
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor({ id, prompt, maxTokens, contextTokens, stop, noRepeatNgramSize }: SequenceOptions) {
    this.id = id;
    this.tokens = Array.from(prompt);
    this.promptTokens = this.tokens.length;
    this.#end = Math.min(this.promptTokens + maxTokens, contextTokens);
    this.#stops = new StopMatcher(stop);
    if (noRepeatNgramSize > 0) {
      this.ngrams = new RepeatedNgrams(noRepeatNgramSize);
      for (const token of this.tokens) this.ngrams.accept(token);
    }
  }

  get usage(): Usage {
    return { promptTokens: this.promptTokens, completionTokens: this.tokens.length - this.promptTokens };
  }

  /** Adds a generated token, given the bytes it stands for. */
  accept(token: number, bytes: Uint8Array): Step {
    this.tokens.push(token);
    this.ngrams?.accept(token);
    const { text, stopped } = this.#stops.push(this.#decoder.decode(bytes, { stream: true }));
    if (stopped) return { text, finish: 'stop' };
    return this.tokens.length >= this.#end ? this.#finish(text, 'length') : { text };
  }

  /** Nothing follows: the model has ended the text, or there is no more room for it. */
  end(reason: 'stop' | 'length'): Step {
    return this.#finish('', reason);
  }

  #finish(text: string, finish: 'stop' | 'length'): Step {
    const last = this.#stops.push(this.#decoder.decode());
    return {
      text: text + last.text + (last.stopped ? '' : this.#stops.flush()),
      finish: last.stopped ? 'stop' : finish,
    };
  }
}
