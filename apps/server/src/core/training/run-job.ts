/**
 * What a worker does with the training job it holds: the work of each state, from whatever state the job was left in,
 * until it is over. Stopped at any point and taken up again, here or by another worker, it goes on where it was.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError, isAtelierError } from '@atelier/errors';
import type { RunSpec } from '@atelier/tuner/contract';
import type { Launcher, RunEnd } from '../../compute/launcher.ts';
import type { Events } from '../../events.ts';
import type { Lease } from '../../jobs/leases.ts';
import type { WorkerOptions } from '../../jobs/worker.ts';
import type { RowChange } from '../../storage/database/tables.ts';
import { fetchBaseModel, type FetchModelParts } from './fetch-base-model.ts';
import { estimateRun } from './estimate-run.ts';
import { type FollowParts, followRun } from './follow-run.ts';
import type { JobRow } from './job-row.ts';
import { nameModel } from './name-model.ts';
import { prepareRun, type PrepareRunParts } from './prepare-run.ts';
import { type learntSettings, type TrainingSettings, trainingSettingsSchema } from './settings.ts';
import { isFinished, type TrainingState } from './states.ts';
import { settledTargets } from './targets.ts';
import { testCheckpoints, type TestJobParts } from './test-job.ts';

export type RunJobParts = PrepareRunParts &
  FollowParts &
  TestJobParts &
  FetchModelParts & {
    launcher: Launcher;
    events: Events;
    /** A job that has been at work for longer ends as timed out. */
    limitSeconds: number;
  };

type Next = { state: TrainingState; change?: RowChange<'training_jobs'> };

/** What the job's progress is when training is done, and when the tests are. */
const progressAfter = { training: 0.9, tests: 0.99 };

export function createJobHandler(parts: RunJobParts): Pick<WorkerOptions, 'handle' | 'fail'> {
  const { rows, launcher, events } = parts;
  const removeRun = (id: string) => rm(path.join(parts.runs, id), { recursive: true, force: true, maxRetries: 3 });

  async function advance(lease: Lease, job: JobRow, signal: AbortSignal): Promise<Next> {
    switch (job.state) {
      case 'queued':
        return { state: 'validating', change: { started_at: new Date() } };
      case 'validating': {
        const ready = await fetchBaseModel(parts, lease, job, signal);
        const learnt = await learntOf(ready, (await prepareRun(parts, ready)).spec);
        return {
          state: 'validated',
          change: { hyper_parameters: JSON.stringify({ ...job.hyper_parameters, ...learnt }) },
        };
      }
      case 'validated':
        return { state: 'running' };
      case 'running':
        await train(lease, job, signal);
        return { state: 'evaluating', change: { progress: progressAfter.training, seconds_left: null } };
      case 'evaluating': {
        const { spec } = await prepareRun(parts, job);
        await testCheckpoints(
          parts,
          lease,
          { job, spec, from: progressAfter.training, to: progressAfter.tests },
          signal,
        );
        return { state: 'saving', change: { progress: progressAfter.tests } };
      }
      case 'saving':
        await nameModel(rows, lease, job);
        await removeRun(job.id);
        return { state: 'succeeded', change: { progress: 1 } };
      default:
        throw new AtelierError('cancelled');
    }
  }

  async function learntOf(
    job: JobRow,
    spec: RunSpec,
  ): Promise<Pick<TrainingSettings, (typeof learntSettings)[number]>> {
    const model = await parts.models.byId(job.base_model);
    const settings = trainingSettingsSchema.parse(job.hyper_parameters);
    return {
      trained: spec.hyperParameters,
      estimate: await estimateRun(parts, { model, task: spec.task, files: spec.train, settings }),
      ...(spec.task === 'classification' && { targets: settledTargets(spec.taskSettings) }),
    };
  }

  async function train(lease: Lease, job: JobRow, signal: AbortSignal): Promise<void> {
    const { directory } = await prepareRun(parts, job);
    await using run = await launcher.launch(directory, signal);
    await followRun(parts, lease, { directory, events: run.events, share: progressAfter.training }, signal);
    const end = await run.ended;
    signal.throwIfAborted();
    if (end.kind !== 'succeeded') throw errorOf(end);
  }

  async function finish(lease: Lease, state: 'cancelled' | 'timed_out'): Promise<void> {
    await removeRun(lease.id);
    if (state === 'cancelled') await rows.move(lease, 'cancelling'); // where the trainer was told, and not the job
    await rows.move(lease, state);
  }

  return {
    async handle(lease, signal) {
      let job = await rows.read(lease);
      for (; !isFinished(job.state); job = await rows.read(lease)) {
        if (job.state !== 'cancelling' && job.waiting) return;
        const limit = timeLimit(job, parts.limitSeconds);
        try {
          const { state, change } = await advance(lease, job, AbortSignal.any([signal, limit]));
          await rows.move(lease, state, change); // refused when it is being cancelled: the next round sees that
        } catch (error) {
          const reason: unknown = signal.aborted ? signal.reason : error;
          if (isAtelierError(reason) && reason.code === 'cancelled') await finish(lease, 'cancelled');
          else if (limit.aborted && !signal.aborted) await finish(lease, 'timed_out');
          else throw reason;
        }
      }
      events.trainingEnded({ id: lease.id, state: job.state });
    },
    async fail(lease, error) {
      await removeRun(lease.id);
      await rows.fail(lease, error);
      events.trainingEnded({ id: lease.id, state: (await rows.read(lease)).state });
    },
  };
}

/** Aborts when the job has used up its time, counted from when it was begun. */
function timeLimit({ started_at }: JobRow, limitSeconds: number): AbortSignal {
  if (started_at === null) return new AbortController().signal;
  return AbortSignal.timeout(Math.max(0, started_at.getTime() + limitSeconds * 1000 - Date.now()));
}

function errorOf(end: Exclude<RunEnd, { kind: 'succeeded' }>): AtelierError {
  switch (end.kind) {
    case 'failed':
      return AtelierError.fromJSON(end.error);
    case 'cancelled':
      return new AtelierError('cancelled');
    case 'interrupted':
      return new AtelierError('trainer_stopped', { how: 'it was interrupted' });
    case 'crashed':
      return new AtelierError('trainer_stopped', {
        how: end.signal === null ? `exit code ${end.exitCode}` : `signal ${end.signal}`,
      });
  }
}
