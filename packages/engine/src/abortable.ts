import { AtelierError, isAtelierError } from '@atelier/errors';

/** What to throw for an aborted signal: its reason when that is ours, otherwise `cancelled`. */
export function cancellation(signal: AbortSignal): AtelierError {
  return isAtelierError(signal.reason) ? signal.reason : new AtelierError('cancelled', {}, signal.reason);
}

/** What `promise` gives, or `cancelled` as soon as the signal aborts; the work behind the promise goes on. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(cancellation(signal));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
