import type { LocalModelRef, ModelRef } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import type { Models } from '../models/models.ts';
import { checkpointModel } from '../training/checkpoint-model.ts';
import type { RemotePlace, RemotePlaces } from './remote-places.ts';

export type DeployedModelParts = {
  database: Database;
  blobs: BlobStore;
  models: Models;
  remotePlaces: RemotePlaces;
};

export type DeployedModel = {
  /** What answers. */
  model: ModelRef;
  /** The files here that it is made of. */
  local: LocalModelRef;
  /** Where it answers, when that is another server. */
  place?: RemotePlace;
  /** Whether its base model has a chat template. */
  chat: boolean;
};

/** What a deployment runs. @throws AtelierError `not_found`; `conflict` when no other server runs its base model any more */
export async function deployedModel(
  { database, blobs, models, remotePlaces }: DeployedModelParts,
  id: string,
): Promise<DeployedModel> {
  const row = await database
    .selectFrom('deployments')
    .innerJoin('checkpoints', (join) =>
      join
        .onRef('checkpoints.job_id', '=', 'deployments.training_job_id')
        .onRef('checkpoints.number', '=', 'deployments.checkpoint_number'),
    )
    .innerJoin('training_jobs', 'training_jobs.id', 'deployments.training_job_id')
    .select([
      'deployments.server_type',
      'training_jobs.base_model',
      'checkpoints.adapter_blob',
      'checkpoints.model_blob',
      'checkpoints.head_blob',
    ])
    .where('deployments.id', '=', id)
    .executeTakeFirst();
  if (!row) throw new AtelierError('not_found', { kind: 'Deployment' });
  const base = await models.byId(row.base_model);
  const local = await checkpointModel(blobs, await models.file(base), row);
  if (row.server_type === 'on-demand') return { model: local, local, chat: base.chat };
  const place = remotePlaces.get(base.name);
  if (!place) throw new AtelierError('conflict', { reason: `No remote engine deploys ${base.name} any more` });
  const adapter = { name: id, path: `${place.seenAs}/${id}` };
  return { model: { remote: place.service, model: place.model, adapter }, local, place, chat: base.chat };
}
