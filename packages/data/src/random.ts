/** Whole numbers from 0 to `bound` - 1, all equally likely. */
export type RandomInteger = (bound: number) => number;

/**
 * A stream of random numbers that depends on `seeds` alone: xoshiro128** (Blackman & Vigna 2018), its state filled by
 * SplitMix32-style mixing of the seeds.
 */
export function randomIntegers(...seeds: readonly number[]): RandomInteger {
  let mixed = 0x9e3779b9;
  const mix = (value: number): number => {
    mixed = (mixed + 0x9e3779b9 + value) | 0;
    let z = mixed;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  for (const seed of seeds) mixed = mix(seed | 0) ^ mix(Math.floor(seed / 2 ** 32) | 0);
  let [a, b, c, d] = [mix(1), mix(2), mix(3), mix(4)];
  const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
  const next = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
  return (bound) => {
    // Numbers past the last whole multiple of `bound` would make the first results likelier.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let value = next();
    while (value >= limit) value = next();
    return value % bound;
  };
}

/** Puts `items` into random order, in place (Fisher & Yates). */
export function shuffle<T extends { length: number; [index: number]: number } | unknown[]>(
  items: T,
  random: RandomInteger,
): T {
  const list = items as unknown[];
  for (let i = list.length - 1; i > 0; i--) {
    const j = random(i + 1);
    const moved = list[i];
    list[i] = list[j];
    list[j] = moved;
  }
  return items;
}
