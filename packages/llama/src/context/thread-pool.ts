import type { Native } from '../native/native.ts';
import type { Pointer } from '../native/pointer.ts';

/**
 * Between two computations these threads sleep. Looking out for the next one instead, as llama.cpp's would for a long time,
 * made steps no faster where somebody wants what they have computed: a server, on the same processors.
 */
const poll = 0;

/** One for each number of threads asked for. They stay: backends keep pointing to the one they used last. */
const pools = new Map<number, Pointer<'ggml_threadpool'>>();

/** Threads that wait for work, for contexts that compute one after the other; null for one, which needs no others. */
export function threadPool({ c, encode }: Native, threads: number): Pointer<'ggml_threadpool'> | null {
  if (threads === 1) return null;
  let pool = pools.get(threads);
  if (!pool) {
    const made = c.ggml_threadpool_new(
      encode('ggml_threadpool_params', { ...c.ggml_threadpool_params_default(threads), poll }),
    );
    if (made === null) return null;
    pool = made;
    pools.set(threads, pool);
  }
  return pool;
}
