import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import type { RunEvent } from '@atelier/tuner/contract';
import type { Lease } from '../../jobs/leases.ts';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import { type JobRows, now } from './job-row.ts';

type CheckpointEvent = Extract<RunEvent, { type: 'checkpoint' }>;

export type KeepCheckpointParts = { rows: JobRows; blobs: BlobStore };

/**
 * Moves a checkpoint's file into the blobs, and only then names it in a row. Checkpoints are numbered in their order, from 1:
 * by epoch where each ends with one. A checkpoint that was kept before is left alone.
 * @throws AtelierError `lease_lost`; `training_failed` when the file is not what the trainer said it was.
 */
export async function keepCheckpoint(
  { rows, blobs }: KeepCheckpointParts,
  lease: Lease,
  directory: string,
  event: CheckpointEvent,
): Promise<void> {
  const kept = await rows.write(lease, (transaction) =>
    transaction
      .selectFrom('checkpoints')
      .select('step')
      .where('job_id', '=', lease.id)
      .where('step', '<=', event.step)
      .execute(),
  );
  if (kept.some(({ step }) => step === event.step)) return;
  const number = kept.length + 1;
  const keep = async ({ file: name, sha256 }: { file: string; sha256: string }): Promise<string> => {
    const stored = await blobs.putFile(path.join(directory, event.path, name));
    if (stored.sha256 !== sha256)
      throw new AtelierError('training_failed', { reason: `the checkpoint of step ${event.step} was changed on disk` });
    return sha256;
  };
  const weights = await keep(event);
  const head_blob = event.head ? await keep(event.head) : null;
  await rows.write(lease, async (transaction) => {
    // A merged model comes from full training and from DoRA.
    const file = event.file === 'model.gguf' ? { model_blob: weights } : { adapter_blob: weights };
    await transaction
      .insertInto('checkpoints')
      .values({ job_id: lease.id, number, step: event.step, head_blob, ...file })
      .onConflict((conflict) =>
        conflict.columns(['job_id', 'number']).doUpdateSet({ step: event.step, head_blob, ...file, updated_at: now }),
      )
      .execute();
  });
}
