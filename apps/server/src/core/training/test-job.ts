/** Tests every checkpoint of a job that has none of its results yet, one after the other. */
import { countRecords } from '@atelier/data';
import type { RunSpec } from '@atelier/tuner/contract';
import type { Lease } from '../../jobs/leases.ts';
import type { Models } from '../models/models.ts';
import { checkpointModel } from './checkpoint-model.ts';
import { type JobRow, type JobRows, now } from './job-row.ts';
import { type Test, testCheckpoint, type TestParts } from './test-checkpoint.ts';
import { testSequences } from './test-sequences.ts';
import { trainingSettingsSchema } from './settings.ts';

export type TestJobParts = TestParts & { rows: JobRows; models: Models };

/** Progress is written this often at most. */
const WRITE_EVERY_MS = 500;

/**
 * `from` and `to` are what the job's progress is before and after. What is written is written a checkpoint at a time, so
 * a worker that takes over tests only what is left.
 */
export async function testCheckpoints(
  parts: TestJobParts,
  lease: Lease,
  { job, spec, from, to }: { job: JobRow; spec: RunSpec; from: number; to: number },
  signal: AbortSignal,
): Promise<void> {
  const { rows, models, blobs } = parts;
  const model = await models.byId(job.base_model);
  const checkpoints = await readCheckpoints(rows, lease);
  const counts = await Promise.all(spec.validation.map(countRecords));
  const records = counts.reduce((sum, count) => sum + count, 0);
  const showProgress = progressWriter(rows, lease);

  for (const [done, checkpoint] of checkpoints.entries()) {
    if (checkpoint.metrics !== null) continue;
    const at = (answered: number) =>
      from + ((to - from) * (done + answered / Math.max(1, records))) / checkpoints.length;
    const { testsAtOnce, answerTests } = trainingSettingsSchema.parse(job.hyper_parameters);
    const test = {
      model: await checkpointModel(blobs, await models.file(model), checkpoint),
      chat: spec.promptFormat === 'chat',
      files: spec.validation,
      owner: job.workspace_id,
      atOnce: testsAtOnce,
      onAnswer: (answered: number) => showProgress(at(answered)),
    };
    const outcome =
      spec.validation.length === 0 || !answerTests ? null : await outcomeOf(parts, spec.task, test, signal);
    await rows.write(lease, async (transaction) => {
      const measured = await transaction
        .selectFrom('training_steps as s')
        .leftJoin('training_validations as v', (join) =>
          join.onRef('v.job_id', '=', 's.job_id').onRef('v.step', '=', 's.step'),
        )
        .select(['s.loss as train_loss', 'v.loss as validation_loss', 'v.token_accuracy'])
        .where('s.job_id', '=', lease.id)
        .where('s.step', '=', checkpoint.step)
        .executeTakeFirst();
      const metrics = {
        ...measured,
        ...(measured?.token_accuracy != null && { perplexity: Math.exp(measured.validation_loss!) }),
        ...outcome?.metrics,
      };
      await transaction
        .updateTable('checkpoints')
        .set({
          metrics: JSON.stringify(Object.fromEntries(Object.entries(metrics).filter(([, value]) => value !== null))),
          test_result_blob: outcome?.results ?? null,
          updated_at: now,
        })
        .where('job_id', '=', lease.id)
        .where('number', '=', checkpoint.number)
        .execute();
    });
  }
}

/** Tasks without an answer to compare have their validation only. */
async function outcomeOf(
  parts: TestParts,
  task: RunSpec['task'],
  test: Test,
  signal: AbortSignal,
): Promise<{ metrics: Record<string, number>; results: string | null } | null> {
  switch (task) {
    case 'generation': {
      const { examples, exactMatch, f1, results } = await testCheckpoint(parts, test, signal);
      return { metrics: examples > 0 ? { examples, exact_match: exactMatch, f1 } : {}, results };
    }
    case 'classification':
    case 'regression':
    case 'embedding':
      return await testSequences(parts, task, test, signal);
    default:
      return null;
  }
}

async function readCheckpoints(rows: JobRows, lease: Lease) {
  return rows.write(lease, (transaction) =>
    transaction.selectFrom('checkpoints').selectAll().where('job_id', '=', lease.id).orderBy('number').execute(),
  );
}

function progressWriter(rows: JobRows, lease: Lease): (progress: number) => void {
  let nextAt = 0;
  return (progress) => {
    if (performance.now() < nextAt) return;
    nextAt = performance.now() + WRITE_EVERY_MS;
    const written = rows.write(lease, (transaction) =>
      transaction.updateTable('training_jobs').set({ progress, updated_at: now }).where('id', '=', lease.id).execute(),
    );
    written.catch(() => {}); // the next write through the lease says what is wrong
  };
}
