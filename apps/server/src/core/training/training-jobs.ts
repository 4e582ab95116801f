/** Training jobs as a caller sees them: made, listed, watched, cancelled, removed. run-job.ts does the work. */
import { AtelierError } from '@atelier/errors';
import { encoderTasks } from '@atelier/tuner/models';
import type { Wake } from '../../jobs/wake.ts';
import type { Database } from '../../storage/database/database.ts';
import type { Row, RowChange } from '../../storage/database/tables.ts';
import type { Seal } from '../../storage/sealed.ts';
import type { Identity } from '../access/access.ts';
import type { Datasets } from '../datasets/datasets.ts';
import { afterRow } from '../after-row.ts';
import { isId, isUuid } from '../is-id.ts';
import { forgetExpected } from '../models/forget-expected.ts';
import type { Model } from '../models/models.ts';
import { newId } from '../new-id.ts';
import { requireProject } from '../projects/require-project.ts';
import { orConflict } from '../stale-reference.ts';
import { type TrainingMethod, type TrainingSettings, type TrainingTask, trainingSettingsSchema } from './settings.ts';
import { checkIntegrations, type Integration } from './reporting/integrations.ts';
import { reportContext, type ReportingUrls } from './reporting/reporter.ts';
import { checkData, refuseTwin } from './check-new-job.ts';
import { conditions, type JobFilter, type TrainingJob, trainingJobsOf } from './select-training-jobs.ts';
import { isFinished, stateAfterCancel, trainingStates, type TrainingState } from './states.ts';

export type { TrainingJob } from './select-training-jobs.ts';
export type TrainingEvent = Row<'training_events'>;
export type Checkpoint = Row<'checkpoints'>;
/** A checkpoint with what was measured at its step, as soon as it was. */
export type MeasuredCheckpoint = Checkpoint & {
  train_loss: number | null;
  validation_loss: number | null;
  token_accuracy: number | null;
};
/** `url`: where it can be seen, once the other side knows of it; `error`: why the latest attempt to report failed. */
export type TrainingReport = Pick<Row<'training_reports'>, 'job_id' | 'kind' | 'settings' | 'url' | 'error'>;
export type TrainingJobs = ReturnType<typeof createTrainingJobs>;

export type NewTrainingJob = {
  api: string;
  name?: string | undefined;
  description?: string | undefined;
  model: Model;
  /** Absent: generation. */
  task?: TrainingTask;
  method: TrainingMethod;
  /** The records of a data set with weight 2 count twice as much as those of one with weight 1. */
  train: readonly { datasetId: string; weight?: number }[];
  test?: readonly string[];
  /** Share of the training records that is kept apart for tests; not together with a test data set. */
  splitRatio?: number | undefined;
  seed: number;
  settings: TrainingSettings;
  /** As the API shows them. */
  apiParameters: Record<string, unknown>;
  /** False: once validated it waits for `start`. */
  autoStart?: boolean;
  /** Part of the name of the model that it makes. */
  suffix?: string | undefined;
  /** The caller's own. */
  metadata?: Record<string, string>;
  /** Its data sets may be those of any project of the workspace. */
  anyProject?: boolean;
  /** Refused while a job of the same model, data and settings has not ended. */
  unique?: boolean;
  /** Where it reports to. */
  integrations?: readonly Integration[];
};

type Parts = { database: Database; datasets: Datasets; wake: Wake; seal: Seal; reportingUrls: ReportingUrls };

export function createTrainingJobs({ database, datasets, wake, seal, reportingUrls }: Parts) {
  const ofWorkspace = (identity: Identity) => trainingJobsOf(database, identity);
  const ofProject = (identity: Identity, projectId: string) =>
    ofWorkspace(identity).where('training_jobs.project_id', '=', projectId);

  async function find(identity: Identity, projectId: string, id: string): Promise<TrainingJob> {
    await requireProject(database, identity, projectId);
    const job = isId('tr', id)
      ? await ofProject(identity, projectId).where('training_jobs.id', '=', id).executeTakeFirst()
      : undefined;
    if (!job) throw new AtelierError('not_found', { kind: 'Training job' });
    return job;
  }

  async function change(
    { id, state }: Pick<TrainingJob, 'id' | 'state'>,
    from: readonly TrainingState[],
    columns: RowChange<'training_jobs'>,
    word: string,
  ): Promise<void> {
    const { numUpdatedRows } = await database
      .updateTable('training_jobs')
      .set({ ...columns, updated_at: database.fn<Date>('now') })
      .where('id', '=', id)
      .where('state', 'in', from)
      .executeTakeFirst();
    if (numUpdatedRows === 0n)
      throw new AtelierError('conflict', { reason: `A training job that is ${state} cannot be ${word}` });
    await wake.notify('training');
  }

  return {
    get: find,

    /**
     * @throws AtelierError `not_found` for a data set of another project or workspace, `invalid_request`,
     * `unsupported_task` for one that the model's architecture cannot learn, `conflict` for a job that is there already
     */
    async create(identity: Identity, projectId: string, job: NewTrainingJob): Promise<TrainingJob> {
      await requireProject(database, identity, projectId);
      const task = job.task ?? 'generation';
      if (job.model.capabilities.encoder === true && !encoderTasks.some((each) => each === task))
        throw new AtelierError('unsupported_task', {
          task: `${task} of ${job.model.family}`,
          supported: encoderTasks.join(', '),
        });
      const get = (id: string) =>
        job.anyProject ? datasets.inWorkspace(identity, id) : datasets.get(identity, projectId, id);
      const train = await Promise.all(job.train.map(({ datasetId }) => get(datasetId)));
      const test = await Promise.all((job.test ?? []).map(get));
      checkData(train, test, job.splitRatio);
      const reports = checkIntegrations(job.integrations ?? [], reportingUrls);
      const id = newId('tr');
      const named = [
        ...train.map((dataset, position) => ({
          role: 'train' as const,
          position,
          dataset,
          weight: job.train[position]!.weight ?? 1,
        })),
        ...test.map((dataset, position) => ({ role: 'test' as const, position, dataset, weight: 1 })),
      ].map(({ dataset, ...rest }) => ({
        workspace_id: identity.workspaceId,
        job_id: id,
        dataset_id: dataset.id,
        ...rest,
      }));
      const settings = JSON.stringify(trainingSettingsSchema.parse(job.settings));
      const insertion = database.transaction().execute(async (transaction) => {
        if (job.unique) await refuseTwin(transaction, { identity, model: job.model, task, settings, named });
        await transaction
          .insertInto('training_jobs')
          .values({
            id,
            workspace_id: identity.workspaceId,
            project_id: projectId,
            name: job.name ?? id,
            description: job.description ?? null,
            base_model: job.model.id,
            task,
            method: job.method,
            split_ratio: job.splitRatio ?? null,
            api_parameters: JSON.stringify(job.apiParameters),
            hyper_parameters: settings,
            state: 'queued',
            seed: job.seed,
            api: job.api,
            created_by: identity.userId,
            auto_start: job.autoStart ?? true,
            suffix: job.suffix ?? null,
            metadata: JSON.stringify(job.metadata ?? {}),
          })
          .execute();
        await transaction.insertInto('training_job_datasets').values(named).execute();
        for (const [position, { kind, settings, secret }] of reports.entries())
          await transaction
            .insertInto('training_reports')
            .values({
              job_id: id,
              position,
              kind,
              settings: JSON.stringify(settings),
              secret: secret === null ? null : seal.close(secret, reportContext(id, position)),
            })
            .execute();
      });
      await orConflict(insertion, 'The project, a dataset or the base model was deleted meanwhile');
      await wake.notify('training');
      return find(identity, projectId, id);
    },

    /** Oldest first. */
    async list(identity: Identity, projectId: string): Promise<TrainingJob[]> {
      await requireProject(database, identity, projectId);
      return ofProject(identity, projectId).orderBy('training_jobs.created_at').orderBy('training_jobs.id').execute();
    },

    /** The job of a UUID, whatever its project. @throws AtelierError `not_found` */
    async byUuid(identity: Identity, uuid: string): Promise<TrainingJob> {
      const job = isUuid(uuid)
        ? await ofWorkspace(identity).where('training_jobs.uuid', '=', uuid).executeTakeFirst()
        : undefined;
      if (!job) throw new AtelierError('not_found', { kind: 'Training job' });
      return job;
    },

    /** A page of the workspace's jobs, newest first, and how many there are. */
    async page(
      identity: Identity,
      filter: JobFilter,
      { offset = 0, after, limit }: { offset?: number; after?: Pick<TrainingJob, 'id'>; limit: number },
    ) {
      const matching = ofWorkspace(identity).where((job) => job.and(conditions(job, filter)));
      const [jobs, { total }] = await Promise.all([
        matching
          .$if(after !== undefined, (query) => query.where(afterRow('training_jobs', after!.id)))
          .orderBy('training_jobs.created_at', 'desc')
          .orderBy('training_jobs.id', 'desc')
          .offset(offset)
          .limit(limit)
          .execute(),
        matching
          .clearSelect()
          .select(({ fn }) => fn.countAll<number>().as('total'))
          .executeTakeFirstOrThrow(),
      ]);
      return { jobs, total };
    },

    /** The states that the job was in, newest first. */
    async events(job: Pick<TrainingJob, 'id'>): Promise<TrainingEvent[]> {
      return database
        .selectFrom('training_events')
        .selectAll()
        .where('job_id', '=', job.id)
        .orderBy('id', 'desc')
        .execute();
    },

    /** The jobs that made these models, by the models' ids. */
    async ofModels(
      identity: Identity,
      models: readonly Pick<Model, 'id' | 'training_job_id'>[],
    ): Promise<Map<string, TrainingJob>> {
      const ids = models.flatMap(({ training_job_id }) => training_job_id ?? []);
      const jobs =
        ids.length === 0
          ? []
          : await ofWorkspace(identity)
              .where('training_jobs.id', '=', (job) => job.fn.any(job.val(ids)))
              .execute();
      const byId = new Map(jobs.map((job) => [job.id, job]));
      return new Map(
        models.flatMap(({ id, training_job_id }) => {
          const job = training_job_id === null ? undefined : byId.get(training_job_id);
          return job ? [[id, job] as const] : [];
        }),
      );
    },

    /** Lets a job that was validated, or will be, go on. @throws AtelierError `conflict` when it has begun or ended. */
    async start(job: Pick<TrainingJob, 'id' | 'state'>): Promise<void> {
      await change(job, ['queued', 'validating', 'validated'], { auto_start: true }, 'started');
    },

    /** The job keeps its place and its checkpoint; no worker goes on with it until `resume`. @throws AtelierError `conflict` */
    async pause(job: Pick<TrainingJob, 'id' | 'state'>): Promise<void> {
      await change(job, ['queued', 'validating', 'validated', 'running', 'evaluating'], { paused: true }, 'paused');
    },

    /** @throws AtelierError `conflict` when it has ended. */
    async resume(job: Pick<TrainingJob, 'id' | 'state'>): Promise<void> {
      await change(
        job,
        trainingStates.filter((state) => !isFinished(state)),
        { paused: false },
        'resumed',
      );
    },

    /** Steps in order: every `every`-th one, the first and the latest. */
    async steps(job: Pick<TrainingJob, 'id'>, every: number): Promise<Row<'training_steps'>[]> {
      return database
        .selectFrom('training_steps')
        .selectAll()
        .where('job_id', '=', job.id)
        .where((step) =>
          step.or([
            step(step('step', '%', every), '=', 0),
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

    /** What the model said at validations, in their order. */
    async samples(job: Pick<TrainingJob, 'id'>): Promise<Row<'training_samples'>[]> {
      return database
        .selectFrom('training_samples')
        .selectAll()
        .where('job_id', '=', job.id)
        .orderBy('step')
        .orderBy('position')
        .execute();
    },

    /** Where the jobs report to, in the order that was asked for, by job; never a secret. */
    async reports(jobs: readonly Pick<TrainingJob, 'id'>[]): Promise<Map<string, TrainingReport[]>> {
      if (jobs.length === 0) return new Map();
      const rows = await database
        .selectFrom('training_reports')
        .select(['job_id', 'kind', 'settings', 'url', 'error'])
        .where(
          'job_id',
          'in',
          jobs.map(({ id }) => id),
        )
        .orderBy('position')
        .execute();
      return Map.groupBy(rows, ({ job_id }) => job_id);
    },

    /** By number. */
    async checkpoints(job: Pick<TrainingJob, 'id'>): Promise<Checkpoint[]> {
      return database.selectFrom('checkpoints').selectAll().where('job_id', '=', job.id).orderBy('number').execute();
    },

    /** In their order, with what was measured. */
    async measuredCheckpoints(job: Pick<TrainingJob, 'id'>): Promise<MeasuredCheckpoint[]> {
      return database
        .selectFrom('checkpoints as c')
        .leftJoin('training_steps as s', (join) =>
          join.onRef('s.job_id', '=', 'c.job_id').onRef('s.step', '=', 'c.step'),
        )
        .leftJoin('training_validations as v', (join) =>
          join.onRef('v.job_id', '=', 'c.job_id').onRef('v.step', '=', 'c.step'),
        )
        .selectAll('c')
        .select(['s.loss as train_loss', 'v.loss as validation_loss', 'v.token_accuracy'])
        .where('c.job_id', '=', job.id)
        .orderBy('c.number')
        .execute();
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
        const now = database.fn<Date>('now');
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
          .select(['state', 'base_model'])
          .where('id', '=', id)
          .forUpdate()
          .executeTakeFirst();
        if (job && !isFinished(job.state))
          throw new AtelierError('conflict', { reason: 'The training job is active: cancel it first' });
        await transaction.deleteFrom('training_jobs').where('id', '=', id).execute();
        if (job) await forgetExpected(transaction, [job.base_model]);
      });
      await orConflict(removal, 'A deployment uses this training job: delete the deployment first');
    },
  };
}
