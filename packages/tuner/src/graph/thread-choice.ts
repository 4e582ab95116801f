/**
 * How many of the device's threads compute ggml's part of a graph. ggml's threads spin at a barrier after every operation;
 * when others use the processor too, each of the hundreds of barriers of a step can cost a time slice of the scheduler.
 * Measured on two cores beside a dozen processes, a step of LoRA: 0.6 s on one thread, 1.9 s on two, of which the BLAS, that
 * yields where ggml spins, is not the reason; alone on the machine, two are faster. So the choice is made by measuring, again and
 * again. It never changes a bit of the result: ggml splits its operations by rows, a test holds it to that. A BLAS splits
 * sums too, so its number of threads stays what it was when the run began.
 */

/** Milliseconds computed before another number is tried. They double each time, as long as nothing changes... */
const firstDelayMs = 1000;
const lastDelayMs = 60_000;
/** ...and are at least so many times what the last trial cost. */
const trialCostFactor = 30;

/** Fewer threads are preferred unless more are faster by this factor: the processor has other work, too. */
const worthwhile = 1.05;

export class ThreadChoice {
  readonly #candidates: readonly number[];
  /** Milliseconds of a run, by number of threads. */
  readonly #costs = new Map<number, number>();
  #best: number;
  #sinceTrial = 0;
  #delay = firstDelayMs;
  #trials = 0;

  /** `most`: how many threads there may be; `first`: what served others of late. */
  constructor(most: number, first = most) {
    const candidates = [most];
    for (let threads = 1; threads < most; threads *= 2) candidates.push(threads);
    this.#candidates = candidates.sort((a, b) => a - b);
    this.#best = first;
  }

  /** The best that is known. */
  get best(): number {
    return this.#best;
  }

  /** The number of threads for the next run. */
  next(): number {
    if (this.#sinceTrial < this.#delay) return this.#best;
    const index = this.#candidates.indexOf(this.#best);
    const others = [this.#candidates[index - 1], this.#candidates[index + 1]].filter(
      (threads) => threads !== undefined,
    );
    return others[this.#trials % others.length] ?? this.#best;
  }

  /** A run took `ms` with `threads` threads. */
  observe(threads: number, ms: number): void {
    const known = this.#costs.get(threads);
    if (threads === this.#best) {
      this.#costs.set(threads, known === undefined ? ms : known + (ms - known) / 4);
      this.#sinceTrial += ms;
    } else {
      this.#costs.set(threads, ms);
      const lost = ms - (this.#costs.get(this.#best) ?? ms);
      this.#trials++;
      this.#sinceTrial = 0;
      this.#delay = Math.max(Math.min(lastDelayMs, 2 * this.#delay), trialCostFactor * lost);
    }
    const least = Math.min(...this.#costs.values());
    const best = this.#candidates.find((each) => (this.#costs.get(each) ?? Infinity) <= least * worthwhile)!;
    if (best === this.#best) return;
    this.#best = best;
    this.#sinceTrial = 0;
    this.#delay = firstDelayMs;
  }
}
