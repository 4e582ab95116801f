/** What keeps a training job from being made. */
import { AtelierError } from '@atelier/errors';
import { sql, type Transaction } from 'kysely';
import { lockKey } from '../../storage/database/lock-key.ts';
import type { Tables } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import type { Dataset } from '../datasets/datasets.ts';
import type { Model } from '../models/models.ts';
import { learntSettings } from './settings.ts';
import { isFinished, trainingStates } from './states.ts';

type Twin = {
  identity: Identity;
  model: Model;
  task: string;
  settings: string;
  named: readonly { dataset_id: string; weight: number; role: string }[];
};

/** @throws AtelierError `conflict` while a job like this one has not ended. Two such requests at a time wait for each other. */
export async function refuseTwin(
  transaction: Transaction<Tables>,
  { identity, model, task, settings, named }: Twin,
): Promise<void> {
  const key = `training/${identity.workspaceId}/${model.id}`;
  await lockKey(transaction, key);
  const data = named.map(({ role, dataset_id, weight }) => `${role} ${dataset_id} ${weight}`).sort();
  const live = await transaction
    .selectFrom('training_jobs')
    .select('id')
    .where('workspace_id', '=', identity.workspaceId)
    .where('base_model', '=', model.id)
    .where('task', '=', task)
    .where(
      'state',
      'in',
      trainingStates.filter((state) => !isFinished(state)),
    )
    .where(sql<boolean>`hyper_parameters - ${[...learntSettings]}::text[] = ${settings}::jsonb`)
    .execute();
  for (const { id } of live) {
    const rows = await transaction
      .selectFrom('training_job_datasets')
      .select(['role', 'dataset_id', 'weight'])
      .where('job_id', '=', id)
      .execute();
    const theirs = rows.map(({ role, dataset_id, weight }) => `${role} ${dataset_id} ${weight}`).sort();
    if (theirs.join() === data.join())
      throw new AtelierError('conflict', {
        reason: 'A job of the same model, files and hyper-parameters has not ended: wait for it, or cancel it',
      });
  }
}

/** @throws AtelierError `invalid_request` for data that no job can be trained on */
export function checkData(train: readonly Dataset[], test: readonly Dataset[], splitRatio: number | undefined): void {
  const refuse = (reason: string): never => {
    throw new AtelierError('invalid_request', { reason });
  };
  if (train.length === 0) refuse('A job needs a dataset to train on');
  if (test.length > 0 && splitRatio !== undefined) refuse('Give either a test dataset or a split ratio, not both');
  if ([...train, ...test].some(({ state }) => state !== 'ready')) refuse('The dataset is not ready');
  const records = train.reduce((sum, dataset) => sum + (dataset.records ?? 0), 0);
  if (splitRatio !== undefined && records < 2) refuse('A dataset needs at least two records to be split');
}
