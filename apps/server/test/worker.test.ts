import { setTimeout as sleep } from 'node:timers/promises';
import { AtelierError } from '@atelier/errors';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEvents } from '../src/events.ts';
import { createLeases, type Lease, type Leases } from '../src/jobs/leases.ts';
import { createWake, type Wake } from '../src/jobs/wake.ts';
import { createWorker, type WorkerOptions } from '../src/jobs/worker.ts';
import type { DatabaseHandle } from '../src/storage/database/database.ts';
import type { Row, TrainingState } from '../src/storage/database/tables.ts';
import { atRest } from './support/at-rest.ts';
import { insertTrainingJob, insertTrainingSurroundings } from './support/training-rows.ts';
import { silent, type TestDatabases, testDatabases } from './support/test-databases.ts';

let databases: TestDatabases;
let handle: DatabaseHandle;
let wake: Wake;
let leases: Leases;

beforeAll(async () => {
  databases = await testDatabases();
});
afterAll(() => databases[Symbol.asyncDispose]());
beforeEach(async () => {
  handle = await databases.fresh();
  await insertTrainingSurroundings(handle.database);
  wake = createWake(handle.pool, silent.jobs);
  leases = createLeases({ database: handle.database, owner: 'w', seconds: 1 });
  return async () => {
    await wake[Symbol.asyncDispose]();
    await handle[Symbol.asyncDispose]();
  };
});

/** Polls seldom unless told otherwise, so that what happens soon happens because of a notification. */
function startWorker(handleJob: WorkerOptions['handle'], given: Partial<WorkerOptions> = {}): AsyncDisposable {
  return createWorker({
    topic: 'training',
    concurrency: 1,
    leases,
    wake,
    logger: silent.jobs,
    events: createEvents(silent.events, new Registry()),
    pollMs: 60_000,
    handle: handleJob,
    fail: (lease, error) => setState(lease, 'failed', error),
    ...given,
  });
}

function setState(lease: Lease, state: TrainingState, error?: AtelierError): Promise<void> {
  return leases.fenced(lease, async (transaction) => {
    await transaction
      .updateTable('training_jobs')
      .set({ state, error: error ? JSON.stringify({ ...error.toJSON(), message: error.message }) : null })
      .where('id', '=', lease.id)
      .execute();
  });
}

async function job(id: string): Promise<Row<'training_jobs'>> {
  return handle.database.selectFrom('training_jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

async function until(what: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  for (const deadline = performance.now() + limitMs; !(await what()); await sleep(10)) {
    if (performance.now() > deadline) throw new Error(`did not come true: ${what.toString()}`);
  }
}

/** Waits for the abort and ends as work that was told to stop does. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
}

describe('a worker', () => {
  it('takes jobs that are there when it starts and, when notified, those that come later', async () => {
    const order: string[] = [];
    await insertTrainingJob(handle.database, 'tr-1');
    await using _worker = startWorker(async (lease) => {
      order.push(lease.id);
      await setState(lease, 'succeeded');
    });
    await until(async () => (await job('tr-1')).lease_owner === null && order.length === 1);
    await insertTrainingJob(handle.database, 'tr-2');
    await wake.notify('training');
    await until(async () => (await job('tr-2')).state === 'succeeded');
    expect(order).toEqual(['tr-1', 'tr-2']);
  });

  it('finds jobs without a notification too', async () => {
    await using _worker = startWorker((lease) => setState(lease, 'succeeded'), { pollMs: 50 });
    await insertTrainingJob(handle.database, 'tr-1');
    await until(async () => (await job('tr-1')).state === 'succeeded');
  });

  it('keeps its lease while it works, longer than the lease lasts, and works on one job at a time', async () => {
    let running = 0;
    for (const id of ['tr-1', 'tr-2']) await insertTrainingJob(handle.database, id);
    await using _worker = startWorker(async (lease) => {
      expect(++running).toBe(1);
      await sleep(1400);
      running--;
      await setState(lease, 'succeeded');
    });
    const thief = createLeases({ database: handle.database, owner: 'thief', seconds: 1 });
    await sleep(1200);
    expect((await thief.acquire())?.id).toBe('tr-2');
    await until(async () => (await job('tr-1')).state === 'succeeded');
    expect((await job('tr-1')).lease_token).toBe(1);
  });

  it('tells the work within a moment that its job is to be cancelled', async () => {
    await insertTrainingJob(handle.database, 'tr-1');
    let reason: unknown;
    leases = createLeases({ database: handle.database, owner: 'w', seconds: 600 }); // so that no heartbeat finds it first
    await using _worker = startWorker(async (lease, signal) => {
      if ((await job(lease.id)).state !== 'cancelling') {
        await untilAborted(signal).catch((error: unknown) => (reason = error));
      }
      await setState(lease, 'cancelled');
    });
    await until(async () => (await job('tr-1')).lease_owner === 'w');
    await handle.database.updateTable('training_jobs').set({ state: 'cancelling' }).execute();
    const asked = performance.now();
    await wake.notify('training');
    await until(async () => (await job('tr-1')).state === 'cancelled');
    expect(atRest(performance.now() - asked)).toBeLessThan(1000);
    expect(reason).toMatchObject({ code: 'cancelled' });
  });

  it('stops when the job was taken from it, and what it writes then is refused', async () => {
    await insertTrainingJob(handle.database, 'tr-1');
    const outcome = Promise.withResolvers<unknown>();
    await using _worker = startWorker(async (lease, signal) => {
      await untilAborted(signal).catch(() => {});
      await setState(lease, 'succeeded').catch(outcome.resolve);
      throw signal.reason;
    });
    await until(async () => (await job('tr-1')).lease_owner === 'w');
    await handle.database.updateTable('training_jobs').set({ lease_owner: 'thief', lease_token: 2 }).execute();
    expect(await outcome.promise).toMatchObject({ code: 'lease_lost' });
    expect(await job('tr-1')).toMatchObject({ state: 'queued', lease_owner: 'thief', failures: 0 });
  });

  it('takes over a job whose worker has died', async () => {
    await insertTrainingJob(handle.database, 'tr-1');
    await createLeases({ database: handle.database, owner: 'dead', seconds: 0.3 }).acquire();
    await using _worker = startWorker((lease) => setState(lease, 'succeeded'), { pollMs: 100 });
    await until(async () => (await job('tr-1')).state === 'succeeded');
    expect(await job('tr-1')).toMatchObject({ attempt: 2, failures: 0 });
  });

  it('tries again after an error that may pass, and gives up at the fifth', async () => {
    await insertTrainingJob(handle.database, 'tr-1', { failures: 3 });
    let attempts = 0;
    await using _worker = startWorker(
      async () => {
        attempts++;
        throw new TypeError('a bug');
      },
      { pollMs: 100 },
    );
    await until(async () => (await job('tr-1')).failures === 4);
    expect((await job('tr-1')).state).toBe('queued');
    await handle.database.updateTable('training_jobs').set({ lease_expires_at: null }).execute();
    await until(async () => (await job('tr-1')).failures === 5);
    expect(await job('tr-1')).toMatchObject({
      state: 'failed',
      error: { code: 'internal', message: 'Internal error' },
      lease_owner: null,
    });
    expect(attempts).toBe(2);
  });

  it('has more patience with a hub that cannot be reached', async () => {
    await insertTrainingJob(handle.database, 'tr-1', { failures: 10 });
    await using _worker = startWorker(
      async () => {
        throw new AtelierError('hub_unavailable', { host: 'hub', reason: 'ECONNREFUSED' });
      },
      { pollMs: 100 },
    );
    await until(async () => (await job('tr-1')).failures === 11);
    expect((await job('tr-1')).state).toBe('queued');
    await handle.database.updateTable('training_jobs').set({ lease_expires_at: null }).execute();
    await until(async () => (await job('tr-1')).state === 'failed');
    expect((await job('tr-1')).error).toMatchObject({
      code: 'hub_unavailable',
      message: 'The model hub hub cannot be reached: ECONNREFUSED',
    });
  });

  it('gives up at once after an error that cannot pass', async () => {
    await insertTrainingJob(handle.database, 'tr-1');
    await using _worker = startWorker(async () => {
      throw new AtelierError('training_failed', { reason: 'no rows' });
    });
    await until(async () => (await job('tr-1')).state === 'failed');
    expect((await job('tr-1')).error).toEqual({
      code: 'training_failed',
      details: { reason: 'no rows' },
      message: 'Training failed: no rows',
    });
  });

  it('gives its job back when the server stops, with no failure counted, and takes no other', async () => {
    for (const id of ['tr-1', 'tr-2']) await insertTrainingJob(handle.database, id);
    let saved = false;
    const worker = startWorker(async (_lease, signal) => {
      await untilAborted(signal).catch(() => {});
      await sleep(50);
      saved = true;
      throw signal.reason;
    });
    await until(async () => (await job('tr-1')).lease_owner === 'w');
    await worker[Symbol.asyncDispose]();
    expect(saved).toBe(true);
    expect(await job('tr-1')).toMatchObject({
      state: 'queued',
      lease_owner: null,
      lease_expires_at: null,
      failures: 0,
    });
    expect((await job('tr-2')).attempt).toBe(0);
  });

  it('works on none when it is told so', async () => {
    await insertTrainingJob(handle.database, 'tr-1');
    await using _worker = startWorker((lease) => setState(lease, 'succeeded'), { concurrency: 0, pollMs: 20 });
    await sleep(200);
    expect((await job('tr-1')).attempt).toBe(0);
  });
});

describe('wake', () => {
  it('goes on listening after its connection was cut, and then lets everyone look', async () => {
    let looks = 0;
    using _subscription = wake.subscribe('training', () => looks++);
    await until(() => looks === 1);
    await handle.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
    );
    await until(() => looks === 2);
    await wake.notify('training');
    await until(() => looks === 3);
  });
});
