/** How training jobs are read, with what other rows say of them, and which of them a caller asks for. */
import { type ExpressionBuilder, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import type { Database } from '../../storage/database/database.ts';
import type { Row, Tables } from '../../storage/database/tables.ts';
import type { Identity } from '../access/access.ts';
import type { Integration } from './reporting/integrations.ts';
import type { TrainingState } from './states.ts';

/**
 * With the name of its base model and its data sets, which the row knows by id; the name of the model that it made; whether
 * it ever was valid; and how many tokens it has learnt from.
 */
export type TrainingJob = Row<'training_jobs'> & {
  model_name: string;
  datasets: JobDataset[];
  made_model: string | null;
  was_validated: boolean;
  trained_tokens: number | null;
};
export type JobDataset = { role: 'train' | 'test'; dataset_id: string; file_id: string | null; weight: number };

/** Every part that is given has to hold. */
export type JobFilter = {
  model?: string | undefined;
  states?: readonly TrainingState[] | undefined;
  autoStart?: boolean | undefined;
  wasValidated?: boolean | undefined;
  suffix?: string | undefined;
  createdBy?: string | undefined;
  createdAfter?: Date | undefined;
  createdBefore?: Date | undefined;
  /** Every pair has to be in the job's. */
  metadata?: Record<string, string> | undefined;
  tasks?: readonly string[] | undefined;
  /** Where the job reports to: W&B's project or MLflow's experiment, and the name of its run. */
  report?: { kind: Integration['kind']; group?: string | undefined; runName?: string | undefined } | undefined;
};

/** The jobs of a workspace. */
export function trainingJobsOf(database: Database, identity: Identity) {
  return database
    .selectFrom('training_jobs')
    .innerJoin('models', 'models.id', 'training_jobs.base_model')
    .selectAll('training_jobs')
    .select('models.name as model_name')
    .select((job) => jobDatasets(job).as('datasets'))
    .select((job) => [
      job
        .selectFrom('models as made')
        .select('made.name')
        .whereRef('made.training_job_id', '=', 'training_jobs.id')
        .limit(1)
        .as('made_model'),
      wasValidated(job).$castTo<boolean>().as('was_validated'),
      job
        .selectFrom('training_steps as s')
        .select(sql<number | null>`sum(s.tokens)::bigint`.as('tokens'))
        .whereRef('s.job_id', '=', 'training_jobs.id')
        .as('trained_tokens'),
    ])
    .where('training_jobs.workspace_id', '=', identity.workspaceId);
}

type JobTables = Tables & { models: Tables['models'] };

/** What `filter` asks of a job. */
export function conditions(job: ExpressionBuilder<JobTables, 'training_jobs' | 'models'>, filter: JobFilter) {
  const {
    model,
    states,
    autoStart,
    wasValidated: valid,
    suffix,
    createdBy,
    createdAfter,
    createdBefore,
    metadata,
    tasks,
    report,
  } = filter;
  return [
    ...(model === undefined ? [] : [job('models.name', '=', model)]),
    ...(states === undefined ? [] : [job('training_jobs.state', '=', job.fn.any(job.val(states)))]),
    ...(autoStart === undefined ? [] : [job('training_jobs.auto_start', '=', autoStart)]),
    ...(valid === undefined ? [] : [job(wasValidated(job), '=', valid)]),
    ...(suffix === undefined ? [] : [job('training_jobs.suffix', '=', suffix)]),
    ...(createdBy === undefined ? [] : [job('training_jobs.created_by', '=', createdBy)]),
    ...(createdAfter === undefined ? [] : [job('training_jobs.created_at', '>=', createdAfter)]),
    ...(createdBefore === undefined ? [] : [job('training_jobs.created_at', '<=', createdBefore)]),
    ...(metadata === undefined ? [] : [sql<boolean>`training_jobs.metadata @> ${JSON.stringify(metadata)}::jsonb`]),
    ...(tasks === undefined ? [] : [job('training_jobs.task', '=', job.fn.any(job.val(tasks)))]),
    ...(report === undefined ? [] : [reportsTo(job, report)]),
  ];
}

/** The data sets of a job in their order, training first, with the files they were made from. */
function jobDatasets(job: ExpressionBuilder<Tables, 'training_jobs'>) {
  return jsonArrayFrom(
    job
      .selectFrom('training_job_datasets as d')
      .leftJoin('files', (join) =>
        join.onRef('files.dataset_id', '=', 'd.dataset_id').onRef('files.workspace_id', '=', 'd.workspace_id'),
      )
      .select(['d.role', 'd.dataset_id', 'd.weight', 'files.id as file_id'])
      .whereRef('d.job_id', '=', 'training_jobs.id')
      .orderBy('d.role', 'desc')
      .orderBy('d.position'),
  );
}

/** Whether it was found valid, however it went on. */
function wasValidated(job: ExpressionBuilder<JobTables, 'training_jobs' | 'models'>) {
  return job.exists(
    job
      .selectFrom('training_events as e')
      .select('e.id')
      .whereRef('e.job_id', '=', 'training_jobs.id')
      .where('e.state', '=', 'validated'),
  );
}

function reportsTo(
  job: ExpressionBuilder<JobTables, 'training_jobs' | 'models'>,
  { kind, group, runName }: NonNullable<JobFilter['report']>,
) {
  const settings = JSON.stringify({ ...(group !== undefined && { group }), ...(runName !== undefined && { runName }) });
  return job.exists(
    job
      .selectFrom('training_reports as r')
      .select('r.job_id')
      .whereRef('r.job_id', '=', 'training_jobs.id')
      .where('r.kind', '=', kind)
      .where(sql<boolean>`r.settings @> ${settings}::jsonb`),
  );
}
