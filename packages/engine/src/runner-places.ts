import type { ModelSlot } from './model-slot.ts';

/** How many runners there may be at once. Whoever needs one more unloads the model that has been idle for longest, or waits. */
export class RunnerPlaces {
  readonly #most: number;
  readonly #slots: ReadonlyMap<string, ModelSlot>;
  #taken = 0;
  #waiting: (() => void)[] = [];

  constructor(most: number, slots: ReadonlyMap<string, ModelSlot>) {
    this.#most = most;
    this.#slots = slots;
  }

  /** Resolves with the function that gives the place back. */
  async take(): Promise<() => void> {
    while (this.#taken >= this.#most) {
      const idle = this.#longestIdle();
      if (idle) await idle[Symbol.asyncDispose]();
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#taken++;
    return () => {
      this.#taken--;
      this.recheck();
    };
  }

  /** A model has become idle or has left. */
  recheck(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #longestIdle(): ModelSlot | undefined {
    const idle = [...this.#slots.values()].filter((slot) => slot.idleSince !== undefined);
    return idle.sort((a, b) => a.idleSince! - b.idleSince!)[0];
  }
}
