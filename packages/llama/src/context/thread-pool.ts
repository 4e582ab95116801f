import type { Native } from '../native/native.ts';
import type { Pointer } from '../native/pointer.ts';

/**
 * How long threads look out for the next computation before they sleep, about 3 ms of it: they are there for a step that
 * follows the last one, and leave the processor to others when none does. llama.cpp's own number is 50 times as long.
 */
const poll = 1;

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
