/**
 * Recent speed of a run, and the time that the rest of it will take. The speed is a mean over the last steps, so that a slow
 * minute shows and fades; the estimate takes their median, as the first steps of all are slow and a neighbour's bursts pass.
 */
const window = 20;

/** What a run does besides steps. */
type Pause = 'validation' | 'save';

/** A forward pass beside forward and backward, until a validation was seen. */
const forwardShare = 1 / 3;

/** To copy, write and hash a number of a checkpoint, until one was seen. */
const secondsPerSaved = 20e-9;

export class Speedometer {
  readonly #now: () => number;
  #last: number;
  #steps: { tokens: number; microBatches: number; seconds: number }[] = [];
  #seen = 0;
  readonly #pauses = new Map<Pause, number>();

  /** `now` gives milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#last = now();
  }

  /** Notes that a step ended now. The first one, which meets its memory for the first time, counts until there is another. */
  step(tokens: number, microBatches: number): void {
    this.#steps.push({ tokens, microBatches, seconds: this.#lap() });
    this.#seen++;
    if (this.#steps.length > window || this.#seen === 2) this.#steps.shift();
  }

  /** Notes that what the run did since the last note was no step. The latest of its kind stands for those to come. */
  pause(kind: Pause): void {
    this.#pauses.set(kind, this.#lap());
  }

  get tokensPerSecond(): number {
    return this.#total('tokens') / this.#total('seconds');
  }

  /** Of one pause: `validationMicroBatches` are passes forward as long as one of training, `savedNumbers` what a save writes. */
  secondsLeft(left: {
    microBatches: number;
    validations: number;
    validationMicroBatches: number;
    saves: number;
    savedNumbers: number;
  }): number {
    const each = median(this.#steps.map(({ seconds, microBatches }) => seconds / microBatches));
    const validation = this.#pauses.get('validation') ?? each * forwardShare * left.validationMicroBatches;
    const save = this.#pauses.get('save') ?? secondsPerSaved * left.savedNumbers;
    return each * left.microBatches + validation * left.validations + save * left.saves;
  }

  #lap(): number {
    const now = this.#now();
    const seconds = (now - this.#last) / 1000;
    this.#last = now;
    return seconds;
  }

  #total(key: 'tokens' | 'seconds'): number {
    return this.#steps.reduce((sum, step) => sum + step[key], 0);
  }
}

/** How often something still comes that comes every so many steps and at the end, or at the end of each epoch. */
export function timesLeft(
  every: number | undefined,
  { step, total, epoch, epochs }: { step: number; total: number; epoch: number; epochs: number },
): number {
  const [done, all, period] = every === undefined ? [epoch, epochs, 1] : [step, total, every];
  return step >= total ? 0 : Math.ceil(all / period) - Math.floor(done / period);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}
