import { pullModel, type PullOptions } from '@atelier/hub';
import type { Lease } from '../../jobs/leases.ts';
import type { Models } from '../models/models.ts';
import type { JobRow, JobRows } from './job-row.ts';

/** Brings a model of the hub here, and gives its file. */
type FetchModel = (reference: string, signal: AbortSignal) => Promise<string>;

export type FetchModelParts = { models: Models; rows: JobRows; fetchModel: FetchModel };

/** One model at a time: two jobs may want the same. The token stays in this process; conversion is another's work. */
export function createFetchModel(
  options: Pick<PullOptions, 'directory' | 'endpoint' | 'token' | 'environment'>,
): FetchModel {
  let turn: Promise<unknown> = Promise.resolve();
  return (reference, signal) => {
    const pulled = turn.then(() => pullModel(reference, { ...options, byCommit: true, signal }));
    turn = pulled.catch(() => {});
    return pulled;
  };
}

/**
 * The job with a base model that is here: one that is only expected is fetched first, and the job is given what has come.
 * @throws AtelierError `hub_unavailable`, `hub_refused`, `unsupported_model`, `invalid_model_file`, `cancelled`
 */
export async function fetchBaseModel(
  { models, rows, fetchModel }: FetchModelParts,
  lease: Lease,
  job: JobRow,
  signal: AbortSignal,
): Promise<JobRow> {
  const expected = await models.byId(job.base_model);
  if (expected.kind !== 'expected') return job;
  const { id } = await models.arrived(expected, await fetchModel(expected.description!, signal));
  await rows.write(lease, async (transaction) => {
    await transaction.updateTable('training_jobs').set({ base_model: id }).where('id', '=', job.id).execute();
    await transaction.deleteFrom('models').where('id', '=', expected.id).execute();
  });
  return { ...job, base_model: id };
}
