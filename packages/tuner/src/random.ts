/**
 * Random numbers that depend on nothing but their seed and purpose, so that a resumed run draws what an uninterrupted one
 * would have drawn without storing a generator's state.
 */

/** sfc32 (C. Doty-Humphrey, PractRand), seeded from any number of integers by a 32-bit mix. */
export function randomStream(...seeds: readonly number[]): () => number {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (const seed of seeds) {
    a ^= seed >>> 0;
    b ^= Math.floor(seed / 2 ** 32) >>> 0;
    for (let i = 0; i < 12; i++) next();
  }
  return next;
}

/** Uniform in [0, 1) from a stream of 32-bit integers. */
export function uniform(stream: () => number): number {
  return stream() / 2 ** 32;
}

/** Fills `out` with normal numbers of the given deviation (Box & Muller 1958). */
export function fillNormal(out: Float32Array, stream: () => number, deviation: number): void {
  for (let i = 0; i < out.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - uniform(stream)));
    const angle = 2 * Math.PI * uniform(stream);
    out[i] = radius * Math.cos(angle);
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle);
  }
}
