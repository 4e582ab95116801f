import { setTimeout as sleep } from 'node:timers/promises';
import { type AtelierError, isAtelierError } from '@atelier/errors';

const TRIES = 5;

/** Tries again when the engine is busy or its process died. */
export async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (thrown) {
      signal.throwIfAborted();
      if (!isAtelierError(thrown) || !(thrown as AtelierError).retryable || attempt === TRIES) throw thrown;
      await sleep(500 * 2 ** (attempt - 1), undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
