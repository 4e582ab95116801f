import { AtelierError } from '@atelier/errors';
import { cancellation } from './abortable.ts';
import { FairQueue } from './fair-queue.ts';

type Waiter = { owner: string; enter: () => void; refuse: (error: AtelierError) => void };

export type AdmissionOptions = { maxRunning: number; maxQueue: number };

/**
 * Decides how many generations run and how many wait. Beyond both, the newest request of the owner with the longest line
 * is refused with `too_many_requests`, so a flood turns away its own requests first.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #queue = new FairQueue<Waiter>();
  readonly #runningOf = new Map<string, number>();
  #running = 0;
  /** Exponential mean of how long an admitted request runs; only used to say when to come back. */
  #meanSeconds = 1;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Resolves when the request may run, with the function that ends its stay. Throws `too_many_requests` or `cancelled`. */
  async enter(owner: string, signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) throw cancellation(signal);
    if (this.#running >= this.#options.maxRunning) await this.#wait(owner, signal);
    else this.#count(owner, 1);
    const start = performance.now();
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#meanSeconds += ((performance.now() - start) / 1000 - this.#meanSeconds) / 8;
      // Chosen while the one who leaves still counts, so that owners take turns.
      const next = this.#queue.shift((each) => this.#runningOf.get(each) ?? 0);
      this.#count(owner, -1);
      if (!next) return;
      this.#count(next.owner, 1);
      next.enter();
    };
  }

  #wait(owner: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.#queue.size >= this.#options.maxQueue) {
      const displaced = this.#queue.displaceFor(owner);
      if (!displaced) throw this.#tooMany();
      displaced.refuse(this.#tooMany());
    }
    return new Promise<void>((resolve, reject) => {
      const leave = () => {
        if (signal && this.#queue.remove(owner, waiter)) reject(cancellation(signal));
      };
      const waiter: Waiter = {
        owner,
        enter: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
        refuse: (error) => {
          signal?.removeEventListener('abort', leave);
          reject(error);
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#queue.push(owner, waiter);
    });
  }

  #count(owner: string, change: 1 | -1): void {
    this.#running += change;
    const count = (this.#runningOf.get(owner) ?? 0) + change;
    if (count > 0) this.#runningOf.set(owner, count);
    else this.#runningOf.delete(owner);
  }

  #tooMany(): AtelierError {
    const waiting = this.#queue.size;
    const seconds = Math.ceil(((waiting + 1) / this.#options.maxRunning) * this.#meanSeconds);
    return new AtelierError('too_many_requests', { waiting, retryAfter: Math.min(60, Math.max(1, seconds)) });
  }
}
