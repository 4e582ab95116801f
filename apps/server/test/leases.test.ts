import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLeases, finalStates, type Lease, type Leases } from '../src/jobs/leases.ts';
import type { Database } from '../src/storage/database/database.ts';
import { trainingStates } from '../src/storage/database/tables.ts';
import { insertTrainingJob, insertTrainingSurroundings } from './support/training-rows.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';

let databases: TestDatabases;
beforeAll(async () => {
  databases = await testDatabases();
});
afterAll(() => databases[Symbol.asyncDispose]());

const jobIds = ['tr-a', 'tr-b'];
const owners = ['w0', 'w1', 'w2'];

/** What must be true of the rows, kept by plain rules: who holds each job, and what was written. */
type Model = {
  holders: Map<string, { worker: number; token: number; live: boolean } | null>;
  tokens: Map<string, number>;
  /** Every lease that a worker ever got, lost ones too. */
  leases: { worker: number; lease: Lease }[];
  written: { job_id: string; step: number; loss: number }[];
};
type Real = { database: Database; workers: Leases[] };

const holds = (model: Model, worker: number, lease: Lease) => {
  const holder = model.holders.get(lease.id);
  return holder?.worker === worker && holder.token === lease.token ? holder : null;
};

function granted(model: Model, worker: number, lease: Lease): void {
  const before = model.holders.get(lease.id);
  expect(before?.live ?? false, 'a job that is held was given away').toBe(false);
  expect(lease.token).toBe(model.tokens.get(lease.id)! + 1);
  model.tokens.set(lease.id, lease.token);
  model.holders.set(lease.id, { worker, token: lease.token, live: true });
  model.leases.push({ worker, lease });
}

class Acquire implements fc.AsyncCommand<Model, Real> {
  readonly worker: number;
  constructor(worker: number) {
    this.worker = worker;
  }
  check = () => true;
  async run(model: Model, { workers }: Real) {
    const lease = await workers[this.worker]!.acquire();
    if (lease) granted(model, this.worker, lease);
    else expect([...model.holders.values()].every((holder) => holder?.live)).toBe(true);
  }
  toString = () => `acquire(${this.worker})`;
}

/** All workers ask at the same time. */
class Race implements fc.AsyncCommand<Model, Real> {
  check = () => true;
  async run(model: Model, { workers }: Real) {
    const free = [...model.holders.values()].filter((holder) => !holder?.live).length;
    const leases = await Promise.all(workers.map((worker) => worker.acquire()));
    expect(leases.filter((lease) => lease !== null).length).toBe(Math.min(free, workers.length));
    for (const [worker, lease] of leases.entries()) if (lease) granted(model, worker, lease);
  }
  toString = () => 'race';
}

/** The holder crashes, or its machine stalls: time passes without a renewal. */
class Expire implements fc.AsyncCommand<Model, Real> {
  readonly job: string;
  constructor(job: string) {
    this.job = job;
  }
  check = (model: Readonly<Model>) => model.holders.get(this.job)?.live === true;
  async run(model: Model, { database }: Real) {
    await database
      .updateTable('training_jobs')
      .set({ lease_expires_at: sql<Date>`now() - interval '1 second'` })
      .where('id', '=', this.job)
      .execute();
    model.holders.get(this.job)!.live = false;
  }
  toString = () => `expire(${this.job})`;
}

/** Any lease ever given is used, whether it is still held or was lost long ago. */
class Use implements fc.AsyncCommand<Model, Real> {
  readonly kind: 'renew' | 'write' | 'release';
  readonly index: number;
  constructor(kind: 'renew' | 'write' | 'release', index: number) {
    this.kind = kind;
    this.index = index;
  }
  check = (model: Readonly<Model>) => model.leases.length > 0;
  async run(model: Model, { workers }: Real) {
    const { worker, lease } = model.leases[this.index % model.leases.length]!;
    const leases = workers[worker]!;
    const holder = holds(model, worker, lease);
    if (this.kind === 'renew') {
      expect(await leases.renew(lease)).toEqual(holder ? { state: 'queued', waiting: false } : null);
      if (holder) holder.live = true;
    } else if (this.kind === 'release') {
      await leases.release(lease);
      if (holder) model.holders.set(lease.id, null);
    } else {
      const row = { job_id: lease.id, step: model.written.length, loss: lease.token };
      const writing = leases.fenced(lease, (transaction) =>
        transaction
          .insertInto('training_steps')
          .values({ ...row, at: new Date(), learning_rate: 0, gradient_norm: 0, tokens_per_second: 0 })
          .execute(),
      );
      if (holder) {
        await writing;
        model.written.push(row);
      } else await expect(writing).rejects.toMatchObject({ code: 'lease_lost' });
    }
  }
  toString = () => `${this.kind}(${this.index})`;
}

describe('leases', () => {
  it('give a job to one worker at a time, and let none write that lost its lease, in any order of crashes, steals and late writes', async () => {
    const commands = fc.commands(
      [
        fc.nat(owners.length - 1).map((worker) => new Acquire(worker)),
        fc.constant(new Race()),
        fc.constantFrom(...jobIds).map((job) => new Expire(job)),
        fc
          .tuple(fc.constantFrom('renew' as const, 'write' as const, 'write' as const, 'release' as const), fc.nat(50))
          .map(([kind, index]) => new Use(kind, index)),
      ],
      { maxCommands: 40 },
    );
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        await using handle = await databases.fresh();
        const { database } = handle;
        await insertTrainingSurroundings(database);
        for (const id of jobIds) await insertTrainingJob(database, id);
        const model: Model = {
          holders: new Map(jobIds.map((id) => [id, null])),
          tokens: new Map(jobIds.map((id) => [id, 0])),
          leases: [],
          written: [],
        };
        const workers = owners.map((owner) => createLeases({ database, owner, seconds: 600 }));
        await fc.asyncModelRun(() => ({ model, real: { database, workers } }), sequence);
        const rows = await database
          .selectFrom('training_steps')
          .select(['job_id', 'step', 'loss'])
          .orderBy('step')
          .execute();
        expect(rows).toEqual(model.written);
        for (const id of jobIds) {
          const tokens = rows.filter((row) => row.job_id === id).map((row) => row.loss);
          expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
        }
      }),
      { numRuns: Number(process.env['ATELIER_LEASE_RUNS'] ?? 40), endOnFailure: false },
    );
  });

  it('are given for every state but the final ones, oldest job first', async () => {
    await using handle = await databases.fresh();
    const { database } = handle;
    await insertTrainingSurroundings(database);
    for (const [age, state] of trainingStates.entries())
      await insertTrainingJob(database, `tr-${state}`, { state, created_at: new Date(Date.now() - age * 1000) });
    const leases = createLeases({ database, owner: 'w' });
    const taken: string[] = [];
    for (let lease = await leases.acquire(); lease; lease = await leases.acquire()) taken.push(lease.id);
    const open = trainingStates.filter((state) => !(finalStates as readonly string[]).includes(state));
    expect(taken).toEqual(open.toReversed().map((state) => `tr-${state}`));
  });

  it('hold off a job that failed for its pause, unless it is being cancelled', async () => {
    await using handle = await databases.fresh();
    const { database } = handle;
    await insertTrainingSurroundings(database);
    await insertTrainingJob(database, 'tr-a');
    const leases = createLeases({ database, owner: 'w' });
    await leases.release((await leases.acquire())!, { failed: true, pauseSeconds: 600 });
    expect(await leases.acquire()).toBeNull();
    await database.updateTable('training_jobs').set({ state: 'cancelling' }).execute();
    expect(await leases.acquire()).toMatchObject({ id: 'tr-a', attempt: 2, failures: 1, token: 2 });
  });

  it('of a killed process go back to the one that starts in its place, and to no other', async () => {
    await using handle = await databases.fresh();
    const { database } = handle;
    await insertTrainingSurroundings(database);
    await insertTrainingJob(database, 'tr-a');
    const killed = createLeases({ database, owner: 'same' });
    const lease = (await killed.acquire())!;
    await createLeases({ database, owner: 'other' }).dropOwn();
    expect(await killed.acquire()).toBeNull();
    const next = createLeases({ database, owner: 'same' });
    await next.dropOwn();
    expect(await next.acquire()).toMatchObject({ id: 'tr-a', token: lease.token + 1 });
    await expect(killed.fenced(lease, async () => {})).rejects.toMatchObject({ code: 'lease_lost' });
  });

  it('roll back what was written when the work inside fails', async () => {
    await using handle = await databases.fresh();
    const { database } = handle;
    await insertTrainingSurroundings(database);
    await insertTrainingJob(database, 'tr-a');
    const leases = createLeases({ database, owner: 'w' });
    const lease = (await leases.acquire())!;
    const failing = leases.fenced(lease, async (transaction) => {
      await transaction.updateTable('training_jobs').set({ state: 'succeeded' }).where('id', '=', lease.id).execute();
      throw new Error('midway');
    });
    await expect(failing).rejects.toThrow('midway');
    expect(await leases.renew(lease)).toMatchObject({ state: 'queued' });
  });
});
