import type { Admission } from './admission.ts';

/** A place among the requests that run, which long work can offer to others in between. */
export class Turn implements Disposable {
  readonly #admission: Admission;
  readonly #owner: string;
  readonly #signal: AbortSignal;
  #leave: () => void;

  /** Throws `too_many_requests` or `cancelled`. */
  static async take(admission: Admission, owner: string, signal: AbortSignal): Promise<Turn> {
    return new Turn(admission, owner, signal, await admission.enter(owner, signal));
  }

  private constructor(admission: Admission, owner: string, signal: AbortSignal, leave: () => void) {
    this.#admission = admission;
    this.#owner = owner;
    this.#signal = signal;
    this.#leave = leave;
  }

  /** Lets whoever waits go first, and resolves when it is this work's turn again. Throws what `take` throws. */
  async offer(): Promise<void> {
    if (this.#admission.waiting === 0) return;
    this[Symbol.dispose]();
    this.#leave = await this.#admission.enter(this.#owner, this.#signal);
  }

  [Symbol.dispose](): void {
    this.#leave();
  }
}
