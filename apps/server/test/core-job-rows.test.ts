/** The table of states as the database enforces it: requests and workers that change one job in any order. */
import { AtelierError } from '@atelier/errors';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDatasets } from '../src/core/datasets/datasets.ts';
import { createJobRows } from '../src/core/training/job-row.ts';
import {
  canMove,
  isFinished,
  stateAfterCancel,
  trainingStates,
  type TrainingState,
} from '../src/core/training/states.ts';
import { createTrainingJobs } from '../src/core/training/training-jobs.ts';
import { createEvents } from '../src/events.ts';
import { createLeases, type Lease } from '../src/jobs/leases.ts';
import { createWake } from '../src/jobs/wake.ts';
import { openBlobStore } from '../src/storage/blobs/blob-store.ts';
import { createSeal } from '../src/storage/sealed.ts';
import type { DatabaseHandle } from '../src/storage/database/database.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { silent, testDatabases } from './support/test-databases.ts';
import { insertTrainingJob, insertTrainingSurroundings } from './support/training-rows.ts';

const stack = new AsyncDisposableStack();
let handle: DatabaseHandle;
let cancel: (id: string) => Promise<void>;
beforeAll(async () => {
  const databases = stack.use(await testDatabases());
  const directory = stack.use(await temporaryDirectory());
  handle = stack.use(await databases.fresh());
  await insertTrainingSurroundings(handle.database);
  const project = `ms-${'0'.repeat(24)}`;
  await handle.database
    .insertInto('projects')
    .values({ id: project, workspace_id: 'ws-1', name: 'p', created_by: 'user-1' })
    .execute();
  const wake = stack.use(createWake(handle.pool, silent.jobs));
  const blobs = await openBlobStore(directory.path, handle.database);
  const datasets = createDatasets({
    database: handle.database,
    blobs,
    events: createEvents(silent.events, new Registry()),
    uploadLimit: 1,
  });
  const jobs = createTrainingJobs({
    database: handle.database,
    datasets,
    wake,
    seal: createSeal('a secret'),
    reportingUrls: { wandbUrl: 'http://localhost', mlflowUrl: null },
  });
  cancel = (id) => jobs.cancel({ workspaceId: 'ws-1', userId: 'user-1', keyId: 'key-1' }, project, id);
});
afterAll(() => stack.disposeAsync());

let made = 0;
async function newJob(): Promise<string> {
  const id = `tr-${(++made).toString(16).padStart(24, '0')}`;
  await insertTrainingJob(handle.database, id, { project_id: `ms-${'0'.repeat(24)}` });
  return id;
}
const stateOf = async (id: string): Promise<TrainingState> =>
  (await handle.database.selectFrom('training_jobs').select('state').where('id', '=', id).executeTakeFirstOrThrow())
    .state;

type Command =
  | { kind: 'cancel' }
  | { kind: 'fail' }
  | { kind: 'take' }
  | { kind: 'move'; to: TrainingState; late: boolean };
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Command>({ kind: 'cancel' }) },
  { weight: 1, arbitrary: fc.constant<Command>({ kind: 'fail' }) },
  { weight: 1, arbitrary: fc.constant<Command>({ kind: 'take' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('move' as const),
      to: fc.constantFrom(...trainingStates),
      late: fc.boolean(),
    }),
  },
);

it('a job takes only the ways of the table, and only its holder moves it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
      const id = await newJob();
      const holders = ['first', 'second'].map((owner) => createLeases({ database: handle.database, owner }));
      let taken = 0;
      const held: { lease: Lease; rows: ReturnType<typeof createJobRows> }[] = [];
      const take = async (): Promise<void> => {
        const leases = holders[taken++ % 2]!;
        await handle.database
          .updateTable('training_jobs')
          .set({ lease_expires_at: null })
          .where('id', '=', id)
          .execute();
        const lease = await leases.acquire();
        if (lease?.id === id) held.push({ lease, rows: createJobRows(leases) });
      };
      await take();
      let state: TrainingState = 'queued';
      for (const step of commands) {
        if (step.kind === 'cancel') {
          const next = stateAfterCancel(state);
          if (next) await cancel(id);
          else await expect(cancel(id)).rejects.toMatchObject({ code: 'conflict' });
          state = next ?? state;
        } else if (step.kind === 'take') await take();
        else if (step.kind === 'fail') {
          const { lease, rows } = held.at(-1)!;
          await rows.fail(lease, new AtelierError('training_failed', { reason: 'x' }));
          if (!isFinished(state)) state = canMove(state, 'cancelled') ? 'cancelled' : 'failed';
        } else if (step.late && held.length > 1) {
          const { lease, rows } = held[0]!;
          await expect(rows.move(lease, step.to)).rejects.toMatchObject({ code: 'lease_lost' });
        } else {
          const { lease, rows } = held.at(-1)!;
          expect(await rows.move(lease, step.to)).toBe(canMove(state, step.to));
          if (canMove(state, step.to)) state = step.to;
        }
        expect(await stateOf(id)).toBe(state);
      }
      await handle.database.deleteFrom('training_jobs').where('id', '=', id).execute();
    }),
    { numRuns: 40 },
  );
});

it('a cancel and a worker at the same instant leave the job cancelled or ended, never in between', async () => {
  const leases = createLeases({ database: handle.database, owner: 'racer' });
  const rows = createJobRows(leases);
  for (let round = 0; round < 20; round++) {
    const id = await newJob();
    const lease = (await leases.acquire())!;
    const path: TrainingState[] = ['validating', 'validated', 'running', 'evaluating', 'saving', 'succeeded'];
    const work = (async () => {
      for (const state of path) if (!(await rows.move(lease, state))) return rows.move(lease, 'cancelled');
      return true;
    })();
    const cancelling = cancel(id).then(
      () => 'accepted',
      () => 'refused',
    );
    await work;
    const answer = await cancelling;
    if ((await stateOf(id)) === 'cancelling') await rows.move(lease, 'cancelled'); // asked for after its last look
    expect([answer, await stateOf(id)]).toEqual(
      answer === 'accepted' ? ['accepted', 'cancelled'] : ['refused', 'succeeded'],
    );
    await handle.database.deleteFrom('training_jobs').where('id', '=', id).execute();
  }
});
