import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import type { RunEvent } from '@atelier/tuner/contract';
import type { Lease } from '../../jobs/leases.ts';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import { type JobRows, now } from './job-row.ts';

type CheckpointEvent = Extract<RunEvent, { type: 'checkpoint' }>;

export type KeepCheckpointParts = { rows: JobRows; blobs: BlobStore };

/**
 * Moves a checkpoint's file into the blobs, and only then names it in a row. A checkpoint that was kept before is left alone.
 * @throws AtelierError `lease_lost`; `training_failed` when the file is not what the trainer said it was.
 */
export async function keepCheckpoint(
  { rows, blobs }: KeepCheckpointParts,
  lease: Lease,
  directory: string,
  event: CheckpointEvent,
): Promise<void> {
  const number = Math.round(event.epoch);
  if (number < 1 || Math.abs(event.epoch - number) > 1e-6) return; // taken within an epoch
  const known = await rows.write(lease, (transaction) =>
    transaction
      .selectFrom('checkpoints')
      .select('step')
      .where('job_id', '=', lease.id)
      .where('number', '=', number)
      .executeTakeFirst(),
  );
  if (known?.step === event.step) return;
  const stored = await blobs.putFile(path.join(directory, event.path, event.file));
  if (stored.sha256 !== event.sha256)
    throw new AtelierError('training_failed', { reason: `the checkpoint of step ${event.step} was changed on disk` });
  await rows.write(lease, async (transaction) => {
    // A merged model comes from full training and from DoRA.
    const file = event.file === 'model.gguf' ? { model_blob: stored.sha256 } : { adapter_blob: stored.sha256 };
    await transaction
      .insertInto('checkpoints')
      .values({ job_id: lease.id, number, step: event.step, ...file })
      .onConflict((conflict) =>
        conflict.columns(['job_id', 'number']).doUpdateSet({ step: event.step, ...file, updated_at: now }),
      )
      .execute();
  });
}
