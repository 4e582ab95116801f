import { AtelierError } from '@atelier/errors';
import type { Identity } from '../../core/access/access.ts';
import type { TrainingJob, TrainingJobs } from '../../core/training/training-jobs.ts';
import { fineTuningTasks, wireJobDetail } from './translate/fine-tuning-job.ts';

/** A job of any API that this one has words for. @throws AtelierError `not_found` */
export async function fineTuningJob(jobs: TrainingJobs, identity: Identity, uuid: string): Promise<TrainingJob> {
  const job = await jobs.byUuid(identity, uuid);
  if (!fineTuningTasks.includes(job.task)) throw new AtelierError('not_found', { kind: 'Training job' });
  return job;
}

export async function fineTuningJobDetail(jobs: TrainingJobs, identity: Identity, uuid: string) {
  const job = await fineTuningJob(jobs, identity, uuid);
  const [events, checkpoints, reports] = await Promise.all([
    jobs.events(job),
    jobs.measuredCheckpoints(job),
    jobs.reports([job]),
  ]);
  return wireJobDetail(job, { events, checkpoints, reports: reports.get(job.id) });
}
