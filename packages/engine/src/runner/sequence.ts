import type { FinishReason, TokenLogprob, Usage } from '../generate-event.ts';
import type { ReasoningSplitter } from './reasoning.ts';
import { StopMatcher } from './stop-matcher.ts';

export type SequenceOptions = {
  /** Of the request; its choices have the same. */
  id: number;
  choice?: number;
  prompt: ArrayLike<number>;
  /** The choices of a request have the same; its sequences that start later may find more in memory. */
  reuse?: Reuse;
  /** Most tokens to generate. */
  maxTokens: number;
  /** Most tokens of prompt and text together. */
  contextTokens: number;
  stop: readonly string[];
  /** Where thoughts are told from text. */
  splitter?: ReasoningSplitter | undefined;
};

/** How many of a request's prompt tokens the memory held from before it, once that is known. */
export type Reuse = { tokens?: number };

export type Step = {
  text: string;
  /** Comes before the text. */
  reasoning?: string;
  logprobs?: TokenLogprob[];
  finish?: FinishReason;
  /** The string or token of the request that ended the text. */
  stop?: string | number;
};

/** One generation as text: the tokens so far, and what of their text may be shown. */
export class Sequence {
  readonly id: number;
  readonly choice: number;
  readonly tokens: number[];
  /** How many of the tokens the context's memory holds. */
  cached = 0;
  readonly promptTokens: number;
  readonly reuse: Reuse;
  readonly #end: number;
  readonly #stops: StopMatcher;
  readonly #splitter: ReasoningSplitter | undefined;
  /** Keeps the bytes of a character that is not complete; what is no UTF-8 becomes U+FFFD. */
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  /** Characters decoded and shown. */
  #decoded = 0;
  #shown = 0;
  /** Of tokens that are not shown yet, with the character at which each begins. */
  #logprobs: { start: number; logprob: TokenLogprob }[] = [];

  constructor({ id, choice = 0, prompt, reuse = {}, maxTokens, contextTokens, stop, splitter }: SequenceOptions) {
    this.id = id;
    this.choice = choice;
    this.tokens = Array.from(prompt);
    this.promptTokens = this.tokens.length;
    this.reuse = reuse;
    this.#end = Math.min(this.promptTokens + maxTokens, contextTokens);
    this.#stops = new StopMatcher(stop);
    this.#splitter = splitter;
  }

  get usage(): Usage {
    return { promptTokens: this.promptTokens, cachedTokens: this.reuse.tokens ?? 0, completionTokens: this.generated };
  }

  /** How many more tokens it may get. */
  get room(): number {
    return this.#end - this.tokens.length;
  }

  get generated(): number {
    return this.tokens.length - this.promptTokens;
  }

  /** Adds a generated token, given the bytes it stands for. */
  accept(token: number, bytes: Uint8Array, logprob?: TokenLogprob): Step {
    this.tokens.push(token);
    if (logprob) this.#logprobs.push({ start: this.#decoded, logprob });
    const { text, stop } = this.#push(this.#decoder.decode(bytes, { stream: true }));
    if (stop !== undefined) return this.#step(text, 'stop', stop);
    return this.tokens.length >= this.#end ? this.#finish(text, 'length') : this.#step(text);
  }

  /** Nothing follows: the model, or `stop`, has ended the text, or there is no more room for it. */
  end(reason: FinishReason, stop?: number): Step {
    return this.#finish('', reason, stop);
  }

  #push(text: string): { text: string; stop?: string } {
    this.#decoded += text.length;
    return this.#stops.push(text);
  }

  #finish(text: string, finish: FinishReason, token?: number): Step {
    const last = this.#push(this.#decoder.decode());
    if (last.stop !== undefined) return this.#step(text + last.text, 'stop', last.stop);
    return this.#step(text + last.text + this.#stops.flush(), finish, token);
  }

  #step(shown: string, finish?: FinishReason, stop?: string | number): Step {
    this.#shown += shown.length;
    const { text, reasoning } = this.#split(shown, finish !== undefined);
    const logprobs = this.#release(finish !== undefined && typeof stop !== 'string');
    return {
      text,
      ...(reasoning !== '' && { reasoning }),
      ...(logprobs.length > 0 && { logprobs }),
      ...(finish && { finish }),
      ...(stop !== undefined && { stop }),
    };
  }

  #split(text: string, last: boolean): { text: string; reasoning: string } {
    if (!this.#splitter) return { text, reasoning: '' };
    const parts = this.#splitter.push(text);
    const rest = last ? this.#splitter.flush() : { text: '', reasoning: '' };
    return { text: parts.text + rest.text, reasoning: parts.reasoning + rest.reasoning };
  }

  /** Log-probabilities of the tokens whose text is shown; those of a stop string never are. */
  #release(all: boolean): TokenLogprob[] {
    const held = this.#logprobs.findIndex(({ start }) => start >= this.#shown);
    const count = all || held < 0 ? this.#logprobs.length : held;
    return this.#logprobs.splice(0, count).map(({ logprob }) => logprob);
  }
}
