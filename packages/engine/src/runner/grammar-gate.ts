import { AtelierError } from '@atelier/errors';
import type { Candidates, Grammar } from '@atelier/llama';
import { tooManyWays, watched } from './grammar-watch.ts';
import { MarkerMatcher } from './marker-matcher.ts';
import type { ReasoningMarks } from './reasoning.ts';

/** A grammar can be read in ever more ways as a text grows, and others wait meanwhile: processor time that a text may take. */
const firstMs = 2000;
const tokenMs = 100;

export type GateOptions = {
  /** Who is to blame if it takes for ever. */
  id: number;
  /** Taken over. */
  grammar: Grammar;
  candidates: Candidates;
  /** Of each of these sets, one text has to have come, set after set, before the grammar begins. */
  stages: readonly (readonly string[])[];
  /** A thought that the text may begin with is free; the rest waits for its end. */
  thought?: ReasoningMarks | undefined;
  bytesOf: (token: number) => Uint8Array;
  /** Whether a token ends the text, by the model's vocabulary. */
  isEnd: (token: number) => boolean;
};

/** Keeps the tokens of one text to a grammar, from the beginning or once what it waits for has come. */
export class GrammarGate implements Disposable {
  readonly #id: number;
  readonly #grammar: Grammar;
  readonly #candidates: Candidates;
  readonly #stages: MarkerMatcher[];
  readonly #bytesOf: (token: number) => Uint8Array;
  readonly #isEnd: (token: number) => boolean;
  /** The last byte that the grammar has taken. */
  #lastByte = 0;
  #spentMs = 0;
  #tokens = 0;
  /** Until the first token. */
  #thought: ReasoningMarks | undefined;

  constructor({ id, grammar, candidates, stages, thought, bytesOf, isEnd }: GateOptions) {
    this.#id = id;
    this.#grammar = grammar;
    this.#candidates = candidates;
    this.#stages = stages.map((markers) => new MarkerMatcher(markers));
    this.#thought = thought;
    this.#bytesOf = bytesOf;
    this.#isEnd = isEnd;
  }

  /** Whether the grammar has begun. */
  get closed(): boolean {
    return this.#stages.length === 0;
  }

  /**
   * Whether a token may come next; the candidates are overwritten. What would complete a trigger and go on past it may
   * not: its rest would escape the grammar, and there are always shorter tokens that end where the trigger does.
   */
  allows(token: number): boolean {
    if (this.#beginsThought(token)) return true;
    if (this.closed) return this.isText(token) && this.#timed(() => this.#grammar.allows(token, this.#candidates));
    return this.#stages[0]!.test(this.#bytesOf(token)) !== 'past';
  }

  /**
   * Whether a token, which the grammar allows, is what the grammar takes it for: llama.cpp reads the names of control tokens,
   * which are no text, and characters in more bytes than they have.
   */
  isText(token: number): boolean {
    const bytes = this.#bytesOf(token);
    if (bytes.length === 0) return this.#isEnd(token);
    let before = this.#lastByte;
    for (const byte of bytes) {
      if ((before === 0xe0 && byte < 0xa0) || (before === 0xf0 && byte < 0x90)) return false;
      before = byte;
    }
    return true;
  }

  /** Takes candidates away that the grammar, which has begun, does not allow; false when none is left. */
  restrict(): boolean {
    return this.#timed(() => this.#grammar.restrict(this.#candidates));
  }

  /** The token comes next; the candidates are overwritten. */
  accept(token: number): void {
    this.#tokens++;
    const begins = this.#beginsThought(token);
    const { end } = this.#thought ?? {};
    this.#thought = undefined;
    if (begins) {
      this.#stages.unshift(new MarkerMatcher([end!]));
      return;
    }
    const bytes = this.#bytesOf(token);
    if (this.closed) {
      this.#lastByte = bytes.at(-1) ?? 0;
      return this.#timed(() => this.#grammar.accept(token, this.#candidates));
    }
    const stage = this.#stages[0]!;
    if (stage.test(bytes) === 'complete') this.#stages.shift();
    else stage.add(bytes);
  }

  [Symbol.dispose](): void {
    this.#grammar[Symbol.dispose]();
  }

  #beginsThought(token: number): boolean {
    return this.#thought !== undefined && Buffer.from(this.#bytesOf(token)).toString().trim() === this.#thought.start;
  }

  #timed<T>(work: () => T): T {
    const start = process.threadCpuUsage();
    const result = watched(this.#id, work);
    const { user, system } = process.threadCpuUsage(start);
    this.#spentMs += (user + system) / 1000;
    if (this.#spentMs > firstMs + this.#tokens * tokenMs)
      throw new AtelierError('invalid_request', { reason: tooManyWays });
    return result;
  }
}
