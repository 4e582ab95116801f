/** The best rate that one F32 product of the machine's BLAS reaches here, in GFLOP/s: what a training step is measured against. */
import { loadNative } from '@atelier/llama';
import { openBlas } from '@atelier/tuner';

const size = 2048;
const tries = 8;

/** Undefined where there is no BLAS. */
export function bestSgemmRate(threads: number): number | undefined {
  const native = loadNative({ gpu: 'off' });
  const blas = openBlas(native, threads);
  if (!blas) return undefined;
  const [a, b, c] = [0, 1, 2].map(() => new Float32Array(size * size).fill(0.5));
  const address = (values: Float32Array | undefined): bigint => native.address(values!);
  let best = Infinity;
  for (let i = 0; i < tries; i++) {
    const started = performance.now();
    blas.run([101, 111, 112, size, size, size, 1, address(a), size, address(b), size, 0, address(c), size]);
    best = Math.min(best, performance.now() - started);
  }
  return (2 * size ** 3) / best / 1e6;
}
