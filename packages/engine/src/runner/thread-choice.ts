import type { ProcessorRoom } from './processor-room.ts';

/**
 * How many threads compute a step. llama.cpp's threads meet at a barrier after every operation and spin there; when
 * others use the processor, a training run next door, each of the hundreds of barriers of a step can cost a time slice
 * of the scheduler. Measured on two cores beside a training run: 40 tokens of a tiny model took 22 ms on one thread and
 * 12,000 ms on two, of a model of 30 million parameters 0.25 s and 2 s; alone on the machine, two are faster. So a step
 * has at most as many threads as others leave processors. A large one, such as of a prompt, is divided among all of these;
 * how many a small one can use, of which the barriers are a good part, is measured again and again.
 */

/** Operations a second of one thread, roughly; only to tell small steps from large ones. */
const oneThread = 2e10;

/** Steps of one token each for a few sequences are small for any model that one thread can serve at all. */
const smallTokens = 16;
const smallMs = 50;
const longestMs = 1000;

/** The first steps of a number of threads count as their best: threads have to be started, memory has to be found. */
const firstSteps = 3;
/** A step that the system has held up, for however long, changes little; several do. */
const learningRate = 1 / 32;
const mostTimesKnown = 4;

/** How long is computed before another number is tried. It doubles each time, as long as nothing changes... */
const firstTrialMs = 1000;
const lastTrialMs = 16_000;
/** ...and is at least so many times what the last trial cost. */
const trialCostFactor = 30;

/** Fewer threads are preferred unless more are faster by this factor: the processor has other work, too. */
const worthwhile = 1.05;

/** What is known of steps of about the same number of tokens. */
type Steps = {
  /** Milliseconds per token by number of threads, and how many steps with it have been seen. */
  costs: Map<number, { ms: number; seen: number }>;
  best: number;
  /** Milliseconds computed since the last trial, and after how many the next one is due. */
  sinceTrial: number;
  trialDelay: number;
  trials: number;
};

export class ThreadChoice {
  readonly #candidates: readonly number[];
  readonly #parameters: number;
  readonly #room: Pick<ProcessorRoom, 'processors'>;
  /** By the logarithm of their number of tokens. */
  readonly #steps = new Map<number, Steps>();

  /** `parameters` of the model, and how many threads there may be. */
  constructor(parameters: number, most: number, room: Pick<ProcessorRoom, 'processors'>) {
    this.#candidates = [...numbersBelow(most), most];
    this.#parameters = parameters;
    this.#room = room;
  }

  /** The number of threads for the next step of `tokens` tokens. */
  choose(tokens: number): number {
    const candidates = this.#candidates.filter((threads) => threads <= Math.round(this.#room.processors));
    if (!this.#isSmall(tokens)) return candidates.at(-1)!;
    const steps = this.#stepsOf(tokens);
    const unknown = candidates.find((threads) => (steps.costs.get(threads)?.seen ?? 0) < firstSteps);
    if (unknown !== undefined) return unknown;
    const best = this.#best(steps, candidates);
    if (best !== steps.best) Object.assign(steps, { best, sinceTrial: 0, trialDelay: firstTrialMs });
    if (steps.sinceTrial < steps.trialDelay) return best;
    const index = candidates.indexOf(best);
    const others = [candidates[index + 1], candidates[index - 1]].filter((threads) => threads !== undefined);
    return others[steps.trials % others.length] ?? best;
  }

  /** A step of `tokens` tokens took `stepMs` with `threads` threads. */
  observe(tokens: number, threads: number, stepMs: number): void {
    if (!this.#isSmall(tokens)) return;
    const steps = this.#stepsOf(tokens);
    const { costs, best } = steps;
    const ms = stepMs / tokens;
    const known = costs.get(threads) ?? { ms: Infinity, seen: 0 };
    known.seen++;
    costs.set(threads, known);
    if (known.seen <= firstSteps) {
      known.ms = Math.min(known.ms, ms);
      return;
    }
    if (threads === best) {
      known.ms += (Math.min(ms, known.ms * mostTimesKnown) - known.ms) * learningRate;
      steps.sinceTrial += stepMs;
      return;
    }
    known.ms = ms;
    steps.trials++;
    steps.sinceTrial = 0;
    steps.trialDelay = Math.max(
      Math.min(lastTrialMs, steps.trialDelay * 2),
      (stepMs - costs.get(best)!.ms * tokens) * trialCostFactor,
    );
  }

  #isSmall(tokens: number): boolean {
    const ms = ((2 * this.#parameters * tokens) / oneThread) * 1000;
    return ms <= smallMs || (tokens <= smallTokens && ms <= longestMs);
  }

  #best({ costs }: Steps, candidates: readonly number[]): number {
    const least = Math.min(...candidates.map((threads) => costs.get(threads)!.ms));
    return candidates.find((threads) => costs.get(threads)!.ms <= least * worthwhile)!;
  }

  #stepsOf(tokens: number): Steps {
    const size = Math.floor(Math.log2(tokens));
    let steps = this.#steps.get(size);
    if (!steps) {
      steps = { costs: new Map(), best: 1, sinceTrial: 0, trialDelay: firstTrialMs, trials: 0 };
      this.#steps.set(size, steps);
    }
    return steps;
  }
}

/** 1, 2, 3, 4, 6, 8, 12, ...: each number of threads that is used keeps these threads, so there should be few. */
function numbersBelow(most: number): number[] {
  const numbers = [1];
  for (let power = 2; power < 2 * most; power *= 2) numbers.push(power, power * 1.5);
  return numbers.filter((threads) => threads < most);
}
