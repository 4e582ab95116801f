/** What a run's own numbers say about going on: whether it diverges, and whether validation still improves. */
import type { RunEvent } from '../contract/index.ts';

/** Steps whose medians a new one is held against, and the fewest that say anything. */
const window = 100;
const fewest = 10;

/** A single wild batch is clipped and forgotten; a run that diverges stays wild. */
const patience = 3;

/** Watches for numbers that are none, and for gradients that explode while the loss rises. */
export class DivergenceWatch {
  readonly #factor: number;
  #calm: { norm: number; loss: number }[] = [];
  #wild = 0;
  #lastGood = 0;

  /** `factor`: how many times the median norm is an explosion; 0 leaves only numbers that are none. */
  constructor(factor: number) {
    this.#factor = factor;
  }

  /** True while the last step looked as a diverging run's would. */
  get suspicious(): boolean {
    return this.#wild > 0;
  }

  /** The last step that did not. */
  get lastGoodStep(): number {
    return this.#lastGood;
  }

  /** Notes a step. Returns what is wrong when the run diverges. */
  add(step: number, loss: number, norm: number): string | undefined {
    if (!Number.isFinite(loss) || !Number.isFinite(norm))
      return `the loss is ${loss} and the gradient norm ${norm} at step ${step}`;
    const usual = median(this.#calm.map((past) => past.norm));
    const exploded =
      this.#factor > 0 &&
      this.#calm.length >= fewest &&
      norm > this.#factor * usual &&
      loss > Math.max(...this.#calm.map((past) => past.loss));
    if (exploded) {
      this.#wild++;
      return this.#wild < patience
        ? undefined
        : `the gradient norm is ${norm} at step ${step}, for ${patience} steps more than ${this.#factor} times its median ${usual}, with a loss of ${loss}`;
    }
    this.#wild = 0;
    this.#lastGood = step;
    this.#calm = [...this.#calm.slice(1 - window), { norm, loss }];
    return undefined;
  }
}

/** Watches validation losses. */
export class ValidationWatch {
  readonly #minDelta: number;
  #best: { step: number; loss: number } | undefined;
  #lowest = Infinity;
  #since = 0;
  readonly #losses = new Map<number, { loss: number; best: boolean }>();

  /** `minDelta`: by how much a loss must fall to count as better. */
  constructor(minDelta: number) {
    this.#minDelta = minDelta;
  }

  /** The step of the lowest loss so far. */
  get bestStep(): number | undefined {
    return this.#best?.step;
  }

  /** Validations since the last that was better by `minDelta`. */
  get withoutImprovement(): number {
    return this.#since;
  }

  /** The validation at a step, and whether its loss was the lowest until then. */
  at(step: number): { loss: number; best: boolean } | undefined {
    return this.#losses.get(step);
  }

  /** Notes a validation; true when no loss before was as low. */
  add(step: number, loss: number): boolean {
    const best = loss < (this.#best?.loss ?? Infinity);
    if (best) this.#best = { step, loss };
    if (loss < this.#lowest - this.#minDelta) {
      this.#lowest = loss;
      this.#since = 0;
    } else this.#since++;
    this.#losses.set(step, { loss, best });
    return best;
  }
}

/** Steps or validations up to a step as they counted: each step once, its last report, in order. */
export function pastEvents<Type extends 'step' | 'validation'>(
  past: readonly RunEvent[],
  type: Type,
  until: number,
): Extract<RunEvent, { type: Type }>[] {
  type Wanted = Extract<RunEvent, { type: 'step' | 'validation' }>;
  const found = new Map<number, Wanted>();
  for (const event of past)
    if ((event.type === 'step' || event.type === 'validation') && event.type === type && event.step <= until)
      found.set(event.step, event);
  return [...found.values()].sort((a, b) => a.step - b.step) as Extract<RunEvent, { type: Type }>[];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
