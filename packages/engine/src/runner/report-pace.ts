import type { Outcome } from '../protocol.ts';

/**
 * Texts are reported so often, or after each step where that takes longer: to write, read and pass on each token of a small
 * model by itself takes a good part of the time in which the next one is computed, on the same processors.
 */
const reportMs = 33;

/** Says which outcomes need not be reported at once. */
export class ReportPace {
  readonly #clock: () => number;
  /** When something was reported last, and of which requests. */
  #last = { at: -Infinity, ids: new Set<number>() };

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Texts, but not the first of a request, when another step like the one that took `stepMs` will be done in time. */
  mayWait(outcomes: readonly Outcome[], stepMs: number): boolean {
    const { at, ids } = this.#last;
    if (this.#clock() + stepMs > at + reportMs) return false;
    return outcomes.every((outcome) => isText(outcome) && ids.has(outcome.id));
  }

  reported(outcomes: readonly Outcome[]): void {
    this.#last = { at: this.#clock(), ids: new Set(outcomes.map(({ id }) => id)) };
  }
}

const ofText = new Set(['id', 'choice', 'text', 'reasoning', 'logprobs']);
const isText = (outcome: Outcome): boolean => Object.keys(outcome).every((key) => ofText.has(key));
