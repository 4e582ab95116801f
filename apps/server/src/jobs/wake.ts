/**
 * "Look now" between replicas, by LISTEN and NOTIFY. Nothing depends on it: rows are the truth, and whoever listens also
 * looks from time to time, so a lost notification costs seconds and no work. That is also why there is no queue library
 * here: with leases in the rows, this is all that one would still do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from '../logger.ts';

export type WakeTopic = 'training' | 'batches';

export type Wake = AsyncDisposable & {
  notify(topic: WakeTopic): Promise<void>;
  /** Calls `look` after each notification and whenever some may have been missed. */
  subscribe(topic: WakeTopic, look: () => void): Disposable;
};

const CHANNEL = 'atelier';
const RECONNECT_MS = 500;

export function createWake(pool: pg.Pool, logger: Logger): Wake {
  const subscribers = new Set<{ topic: WakeTopic; look: () => void }>();
  const stopping = new AbortController();
  const listening = listen();

  async function listen(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await listenOnce();
      } catch (error) {
        logger.warn({ code: (error as { code?: string }).code }, 'no notifications from the database for now');
        await sleep(RECONNECT_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }

  /** Returns when it is told to stop; throws when the connection breaks. */
  async function listenOnce(): Promise<void> {
    const client = await pool.connect();
    const { promise: over, resolve, reject } = Promise.withResolvers<void>();
    const onNotification = ({ payload }: pg.Notification) => call((topic) => topic === payload);
    client.on('notification', onNotification);
    client.on('error', reject);
    client.on('end', () => reject(new Error('the connection ended')));
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    if (stopping.signal.aborted) resolve();
    try {
      await client.query(`listen ${CHANNEL}`);
      call(() => true);
      await over;
    } finally {
      over.catch(() => {});
      client.release(true);
    }
  }

  function call(wanted: (topic: WakeTopic) => boolean): void {
    for (const { topic, look } of subscribers) if (wanted(topic)) look();
  }

  return {
    async notify(topic) {
      await pool.query('select pg_notify($1, $2)', [CHANNEL, topic]);
    },
    subscribe(topic, look) {
      const subscriber = { topic, look };
      subscribers.add(subscriber);
      return { [Symbol.dispose]: () => void subscribers.delete(subscriber) };
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await listening;
    },
  };
}
