/** Recent speed of a run: means over the last steps, so that a slow minute shows and fades. */
const window = 20;

export class Speedometer {
  #last = performance.now();
  #steps: { tokens: number; seconds: number }[] = [];

  /** Notes that a step over `tokens` tokens ended now. */
  add(tokens: number): void {
    const now = performance.now();
    this.#steps.push({ tokens, seconds: (now - this.#last) / 1000 });
    this.#last = now;
    if (this.#steps.length > window) this.#steps.shift();
  }

  get tokensPerSecond(): number {
    return this.#total('tokens') / this.#total('seconds');
  }

  get secondsPerStep(): number {
    return this.#total('seconds') / this.#steps.length;
  }

  #total(key: 'tokens' | 'seconds'): number {
    return this.#steps.reduce((sum, step) => sum + step[key], 0);
  }
}
