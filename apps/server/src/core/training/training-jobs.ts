/** Training jobs as a caller sees them: made, listed, watched, cancelled, removed. run-job.ts does the work. */
import { AtelierError } from '@atelier/errors';
import { sql } from 'kysely';
import type { Wake } from '../../jobs/wake.ts';
import type { Database } from '../../storage/database/database.ts';
import type { Row } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import type { Dataset, Datasets } from '../datasets/datasets.ts';
import { isId } from '../is-id.ts';
import type { Model } from '../models/models.ts';
import { newId } from '../new-id.ts';
import { requireProject } from '../projects/require-project.ts';
import { orConflict } from '../stale-reference.ts';
import { type TrainingMethod, type TrainingSettings, trainingSettingsSchema } from './settings.ts';
import { isFinished, stateAfterCancel } from './states.ts';

/** With the name of its base model, which the row knows by id. */
export type TrainingJob = Row<'training_jobs'> & { model_name: string };
export type Checkpoint = Row<'checkpoints'>;
export type TrainingJobs = ReturnType<typeof createTrainingJobs>;

export type NewTrainingJob = {
  api: string;
  name?: string | undefined;
  description?: string | undefined;
  model: Model;
  method: TrainingMethod;
  trainDatasetId: string;
  testDatasetId?: string | undefined;
  /** Share of the training records that is kept apart for tests; not together with a test data set. */
  splitRatio?: number | undefined;
  seed: number;
  settings: TrainingSettings;
  /** As the API shows them. */
  apiParameters: Record<string, unknown>;
};

type Parts = { database: Database; datasets: Datasets; wake: Wake };

export function createTrainingJobs({ database, datasets, wake }: Parts) {
  const ofProject = (identity: Identity, projectId: string) =>
    database
      .selectFrom('training_jobs')
      .innerJoin('models', 'models.id', 'training_jobs.base_model')
      .selectAll('training_jobs')
      .select('models.name as model_name')
      .where('training_jobs.workspace_id', '=', identity.workspaceId)
      .where('training_jobs.project_id', '=', projectId);

  async function find(identity: Identity, projectId: string, id: string): Promise<TrainingJob> {
    await requireProject(database, identity, projectId);
    const job = isId('tr', id)
      ? await ofProject(identity, projectId).where('training_jobs.id', '=', id).executeTakeFirst()
      : undefined;
    if (!job) throw new AtelierError('not_found', { kind: 'Training job' });
    return job;
  }

  return {
    get: find,

    /** @throws AtelierError `not_found` for a data set of another project or workspace, `invalid_request` */
    async create(identity: Identity, projectId: string, job: NewTrainingJob): Promise<TrainingJob> {
      await requireProject(database, identity, projectId);
      const train = await datasets.get(identity, projectId, job.trainDatasetId);
      const test =
        job.testDatasetId === undefined ? undefined : await datasets.get(identity, projectId, job.testDatasetId);
      checkData(train, test, job.splitRatio);
      const id = newId('tr');
      const insertion = database
        .insertInto('training_jobs')
        .values({
          id,
          workspace_id: identity.workspaceId,
          project_id: projectId,
          name: job.name ?? id,
          description: job.description ?? null,
          base_model: job.model.id,
          task: 'generation',
          method: job.method,
          train_dataset_id: train.id,
          test_dataset_id: test?.id ?? null,
          split_ratio: job.splitRatio ?? null,
          api_parameters: JSON.stringify(job.apiParameters),
          hyper_parameters: JSON.stringify(trainingSettingsSchema.parse(job.settings)),
          state: 'queued',
          seed: job.seed,
          api: job.api,
          created_by: identity.userId,
        })
        .execute();
      await orConflict(insertion, 'The project, a dataset or the base model was deleted meanwhile');
      await wake.notify('training');
      return find(identity, projectId, id);
    },

    /** Oldest first. */
    async list(identity: Identity, projectId: string): Promise<TrainingJob[]> {
      await requireProject(database, identity, projectId);
      return ofProject(identity, projectId).orderBy('training_jobs.created_at').orderBy('training_jobs.id').execute();
    },

    /** Steps in order: every `every`-th one, the first and the latest. */
    async steps(job: Pick<TrainingJob, 'id'>, every: number): Promise<Row<'training_steps'>[]> {
      return database
        .selectFrom('training_steps')
        .selectAll()
        .where('job_id', '=', job.id)
        .where((step) =>
          step.or([
            step(sql`step % ${every}`, '=', 0),
            step('step', '=', 1),
            step(
              'step',
              '=',
              step
                .selectFrom('training_steps')
                .select(({ fn }) => fn.max('step').as('latest'))
                .where('job_id', '=', job.id),
            ),
          ]),
        )
        .orderBy('step')
        .execute();
    },

    async validations(job: Pick<TrainingJob, 'id'>): Promise<Row<'training_validations'>[]> {
      return database
        .selectFrom('training_validations')
        .selectAll()
        .where('job_id', '=', job.id)
        .orderBy('step')
        .execute();
    },

    /** By number. */
    async checkpoints(job: Pick<TrainingJob, 'id'>): Promise<Checkpoint[]> {
      return database.selectFrom('checkpoints').selectAll().where('job_id', '=', job.id).orderBy('number').execute();
    },

    /** Cancelling twice is no error. @throws AtelierError `conflict` when the job has ended in another way. */
    async cancel(identity: Identity, projectId: string, id: string): Promise<void> {
      await find(identity, projectId, id);
      await database.transaction().execute(async (transaction) => {
        const job = await transaction
          .selectFrom('training_jobs')
          .select('state')
          .where('id', '=', id)
          .forUpdate()
          .executeTakeFirst();
        if (!job) throw new AtelierError('not_found', { kind: 'Training job' });
        const next = stateAfterCancel(job.state);
        if (!next) throw new AtelierError('conflict', { reason: `The training job has already ended (${job.state})` });
        if (next === job.state) return;
        const now = sql<Date>`now()`;
        await transaction
          .updateTable('training_jobs')
          .set({ state: next, updated_at: now, ...(isFinished(next) && { finished_at: now }) })
          .where('id', '=', id)
          .execute();
      });
      await wake.notify('training');
    },

    /** @throws AtelierError `conflict` while the job is active or a deployment names it. */
    async remove(identity: Identity, projectId: string, id: string): Promise<void> {
      await find(identity, projectId, id);
      const removal = database.transaction().execute(async (transaction) => {
        const job = await transaction
          .selectFrom('training_jobs')
          .select('state')
          .where('id', '=', id)
          .forUpdate()
          .executeTakeFirst();
        if (job && !isFinished(job.state))
          throw new AtelierError('conflict', { reason: 'The training job is active: cancel it first' });
        await transaction.deleteFrom('training_jobs').where('id', '=', id).execute();
      });
      await orConflict(removal, 'A deployment uses this training job: delete the deployment first');
    },
  };
}

function checkData(train: Dataset, test: Dataset | undefined, splitRatio: number | undefined): void {
  const refuse = (reason: string): never => {
    throw new AtelierError('invalid_request', { reason });
  };
  if (test && splitRatio !== undefined) refuse('Give either a test dataset or a split ratio, not both');
  if (train.state !== 'ready' || (test && test.state !== 'ready')) refuse('The dataset is not ready');
  if (splitRatio !== undefined && (train.records ?? 0) < 2) refuse('A dataset needs at least two records to be split');
}
