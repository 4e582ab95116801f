import type { LocalModelRef } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import type { Models } from '../models/models.ts';
import { checkpointModel } from '../training/checkpoint-model.ts';

export type DeployedModelParts = { database: Database; blobs: BlobStore; models: Models };

/** What a deployment runs, and whether its base model has a chat template. @throws AtelierError `not_found` */
export async function deployedModel(
  { database, blobs, models }: DeployedModelParts,
  id: string,
): Promise<{ model: LocalModelRef; chat: boolean }> {
  const row = await database
    .selectFrom('deployments')
    .innerJoin('checkpoints', (join) =>
      join
        .onRef('checkpoints.job_id', '=', 'deployments.training_job_id')
        .onRef('checkpoints.number', '=', 'deployments.checkpoint_number'),
    )
    .innerJoin('training_jobs', 'training_jobs.id', 'deployments.training_job_id')
    .select(['training_jobs.base_model', 'checkpoints.adapter_blob', 'checkpoints.model_blob', 'checkpoints.head_blob'])
    .where('deployments.id', '=', id)
    .executeTakeFirst();
  if (!row) throw new AtelierError('not_found', { kind: 'Deployment' });
  const base = await models.byId(row.base_model);
  return { model: await checkpointModel(blobs, await models.file(base), row), chat: base.chat };
}
