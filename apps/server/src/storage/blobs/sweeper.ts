import type { Events } from '../../events.ts';
import type { Logger } from '../../logger.ts';
import type { Database } from '../database/database.ts';
import { clearAside, sweepBlobs } from './sweep.ts';

const INTERVAL_MS = 3_600_000;

/** Clears what earlier puts left aside (so: before the first put), then sweeps now and every hour until it is disposed. */
export async function startSweeper(
  root: string,
  database: Database,
  events: Events,
  logger: Logger,
): Promise<AsyncDisposable> {
  const stopping = new AbortController();
  let aside = await clearAside(root);
  let sweeping = sweep();

  async function sweep(): Promise<void> {
    try {
      events.blobsSwept({ ...(await sweepBlobs(root, database, { signal: stopping.signal })), aside });
      aside = 0;
    } catch (error) {
      logger.warn({ err: error }, 'the blobs could not be swept');
    }
  }

  const timer = setInterval(() => (sweeping = sweeping.then(sweep)), INTERVAL_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stopping.abort();
      await sweeping;
    },
  };
}
