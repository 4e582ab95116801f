/** A small seeded generator (xorshift, 32 bits); the same seed gives the same weights everywhere. */
export class RandomWeights {
  private state: number;

  constructor(seed: number) {
    // Any state but zero; multiplied so that neighbouring seeds start far apart.
    this.state = (Math.imul(seed + 1, 0x9e3779b1) | 1) >>> 0;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state / 2 ** 32;
  }

  /** Normal numbers by Box and Muller's transform. */
  normal(count: number, mean: number, deviation: number): Float32Array {
    return Float32Array.from({ length: count }, () => {
      const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
      return mean + deviation * radius * Math.cos(2 * Math.PI * this.uniform());
    });
  }
}
