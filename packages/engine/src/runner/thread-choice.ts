import { availableParallelism, loadavg } from 'node:os';

/**
 * How many threads compute a step. llama.cpp's threads meet at a barrier after every operation and spin there; when
 * others use the processor, a training run next door, each of the hundreds of barriers of a step can cost a time slice
 * of the scheduler. Measured on two cores beside a training run: 40 tokens of a tiny model took 22 ms on one thread and
 * 12,000 ms on two, of a model of 30 million parameters 0.25 s and 2 s; alone on the machine, two are faster. So the
 * choice is made by measuring, again and again, on small steps; large ones follow. More threads are only tried while the
 * machine has processors to spare: beside a training run a single such step has taken six seconds.
 */

/** Operations a second of one thread, roughly; only to tell small steps from large ones. */
const oneThread = 2e10;

/** Steps of one token each for a few sequences are small for any model that one thread can serve at all. */
const smallTokens = 16;
const smallMs = 50;
const longestMs = 1000;

/** How long is computed before another number is tried. It doubles each time, as long as nothing changes... */
const firstTrialMs = 1000;
const lastTrialMs = 16_000;
/** ...and is at least so many times what the last trial cost. */
const trialCostFactor = 30;

/** Fewer threads are preferred unless more are faster by this factor: the processor has other work, too. */
const worthwhile = 1.1;

/** What is known of steps of about the same number of tokens. */
type Steps = {
  /** Milliseconds per token by number of threads. */
  costs: Map<number, number>;
  best: number;
  /** Milliseconds computed since the last trial, and after how many the next one is due. */
  sinceTrial: number;
  trialDelay: number;
  trials: number;
};

export class ThreadChoice {
  readonly #candidates: readonly number[];
  readonly #parameters: number;
  /** By the logarithm of their number of tokens. */
  readonly #steps = new Map<number, Steps>();
  /** The last choice for a small step. */
  #current: number;

  readonly #hasRoom: () => boolean;

  /** `parameters` of the model, and how many threads there may be. `hasRoom`: some processors are idle. */
  constructor(parameters: number, most: number, hasRoom: () => boolean = hasIdleProcessors) {
    this.#hasRoom = hasRoom;
    const candidates = [most];
    for (let threads = 1; threads < most; threads *= 2) candidates.push(threads);
    this.#candidates = candidates.sort((a, b) => a - b);
    this.#parameters = parameters;
    this.#current = most;
  }

  /** The number of threads for the next step of `tokens` tokens. */
  choose(tokens: number): number {
    if (!this.#isSmall(tokens)) return this.#current;
    const steps = this.#stepsOf(tokens);
    const unknown = this.#candidates.find((threads) => !steps.costs.has(threads));
    if (unknown !== undefined && (steps.costs.size === 0 || this.#hasRoom())) return unknown;
    const best = this.#best(steps);
    if (best !== steps.best) Object.assign(steps, { best, sinceTrial: 0, trialDelay: firstTrialMs });
    this.#current = best;
    if (steps.sinceTrial < steps.trialDelay) return best;
    const index = this.#candidates.indexOf(best);
    const others = [this.#hasRoom() ? this.#candidates[index + 1] : undefined, this.#candidates[index - 1]];
    const possible = others.filter((threads) => threads !== undefined);
    return possible[steps.trials % possible.length] ?? best;
  }

  /** A step of `tokens` tokens took `ms` with `threads` threads. */
  observe(tokens: number, threads: number, ms: number): void {
    if (!this.#isSmall(tokens)) return;
    const steps = this.#stepsOf(tokens);
    const { costs, best } = steps;
    const cost = ms / tokens;
    const known = costs.get(threads);
    if (known !== undefined && threads === best) {
      costs.set(threads, known + (cost - known) / 4);
      steps.sinceTrial += ms;
      return;
    }
    costs.set(threads, cost);
    const expected = costs.get(best);
    if (expected === undefined) return;
    steps.trials++;
    steps.sinceTrial = 0;
    steps.trialDelay = Math.max(
      Math.min(lastTrialMs, steps.trialDelay * 2),
      (ms - expected * tokens) * trialCostFactor,
    );
  }

  #isSmall(tokens: number): boolean {
    const ms = ((2 * this.#parameters * tokens) / oneThread) * 1000;
    return ms <= smallMs || (tokens <= smallTokens && ms <= longestMs);
  }

  #best({ costs }: Steps): number {
    const least = Math.min(...costs.values());
    return this.#candidates.find((threads) => (costs.get(threads) ?? Infinity) <= least * worthwhile)!;
  }

  #stepsOf(tokens: number): Steps {
    const size = Math.floor(Math.log2(tokens));
    let steps = this.#steps.get(size);
    if (!steps) {
      // What steps of the nearest size have shown is a better start than trying everything again.
      const [nearest] = [...this.#steps.keys()].sort((a, b) => Math.abs(a - size) - Math.abs(b - size));
      const known = nearest === undefined ? [] : this.#steps.get(nearest)!.costs;
      steps = { costs: new Map(known), best: this.#current, sinceTrial: 0, trialDelay: firstTrialMs, trials: 0 };
      this.#steps.set(size, steps);
    }
    return steps;
  }
}

/** The mean over the last minute of processes that want to run; Windows has none and gives 0. */
function hasIdleProcessors(): boolean {
  return loadavg()[0]! < availableParallelism();
}
