/** A training job in Mistral's words, whichever API made it. */
import { hyperParametersSchema } from '@atelier/tuner/contract';
import type { z } from 'zod';
import { type RunEstimate, trainingSettingsSchema } from '../../../core/training/settings.ts';
import type { JobFilter } from '../../../core/training/select-training-jobs.ts';
import type {
  MeasuredCheckpoint,
  TrainingEvent,
  TrainingJob,
  TrainingReport,
} from '../../../core/training/training-jobs.ts';
import type { TrainingState } from '../../../storage/database/tables.ts';
import type { dryRunSchema, jobDetailSchema, jobSchema, jobStatusSchema } from '../schemas/fine-tuning.ts';
import { classifierTargets } from './classifier-targets.ts';
import { unixSeconds } from './model.ts';

type Status = z.infer<typeof jobStatusSchema>;
type Wire = z.infer<typeof jobSchema>;
type WireDetail = z.infer<typeof jobDetailSchema>;

/** The tasks that have a word here. */
export const fineTuningTasks = ['generation', 'preference', 'classification'];

const statusOf: Readonly<Record<TrainingState, Status>> = {
  queued: 'QUEUED',
  validating: 'VALIDATING',
  validated: 'VALIDATED',
  running: 'RUNNING',
  evaluating: 'RUNNING',
  saving: 'RUNNING',
  succeeded: 'SUCCESS',
  failed: 'FAILED',
  timed_out: 'FAILED',
  cancelling: 'CANCELLATION_REQUESTED',
  cancelled: 'CANCELLED',
};

function statusIn(state: TrainingState, wasValidated: boolean): Status {
  const status = statusOf[state];
  return status === 'FAILED' && !wasValidated ? 'FAILED_VALIDATION' : status;
}

/** A validated job that does not wait for its start has been started. */
export function statusOfJob({ state, auto_start, was_validated }: TrainingJob): Status {
  return state === 'validated' && auto_start ? 'STARTED' : statusIn(state, was_validated);
}

/** The jobs that `statusOfJob` gives this status. */
export function jobsOfStatus(status: Status): Pick<JobFilter, 'states' | 'autoStart' | 'wasValidated'> {
  const statesOf = (wanted: Status) =>
    (Object.keys(statusOf) as TrainingState[]).filter((state) => statusOf[state] === wanted);
  switch (status) {
    case 'STARTED':
      return { states: ['validated'], autoStart: true };
    case 'VALIDATED':
      return { states: ['validated'], autoStart: false };
    case 'FAILED_VALIDATION':
      return { states: statesOf('FAILED'), wasValidated: false };
    case 'FAILED':
      return { states: statesOf('FAILED'), wasValidated: true };
    default:
      return { states: statesOf(status) };
  }
}

/** `reports`: where it reports to. */
export function wireJob(job: TrainingJob, reports: readonly TrainingReport[] = []): Wire {
  const settings = trainingSettingsSchema.parse(job.hyper_parameters);
  const h = settings.trained ?? hyperParametersSchema.parse(settings.hyperParameters);
  const filesOf = (role: 'train' | 'test') =>
    job.datasets.flatMap((each) => (each.role === role && each.file_id !== null ? [each.file_id] : []));
  const asked = job.api_parameters['auto_start'];
  const common = {
    id: job.uuid,
    auto_start: typeof asked === 'boolean' ? asked : job.auto_start,
    model: job.model_name,
    status: statusOfJob(job),
    created_at: unixSeconds(job.created_at),
    modified_at: unixSeconds(job.updated_at),
    training_files: filesOf('train'),
    validation_files: filesOf('test'),
    object: 'job' as const,
    fine_tuned_model: job.made_model,
    suffix: job.suffix,
    integrations: reports.flatMap(({ kind, settings: { group, runName }, url }) =>
      kind === 'wandb' ? [{ type: 'wandb' as const, project: group, name: runName, run_name: runName, url }] : [],
    ),
    trained_tokens: job.trained_tokens,
    metadata: settings.estimate
      ? { ...costs(settings.estimate), estimated_start_time: job.started_at && unixSeconds(job.started_at) }
      : null,
  };
  const hyperparameters = {
    training_steps: h.steps ?? null,
    learning_rate: h.learningRate,
    weight_decay: h.weightDecay,
    warmup_fraction:
      h.warmupSteps > 0 && job.total_steps ? Math.min(1, h.warmupSteps / job.total_steps) : h.warmupFraction,
    epochs: h.steps === undefined ? h.epochs : null,
    seq_len: h.maxSequenceTokens,
  };
  return job.task === 'classification'
    ? { ...common, job_type: 'classifier', hyperparameters }
    : {
        ...common,
        job_type: 'completion',
        hyperparameters: { ...hyperparameters, fim_ratio: settings.holeShare },
        repositories: [],
      };
}

/** `events` newest first. */
export function wireJobDetail(
  job: TrainingJob,
  {
    events,
    checkpoints,
    reports,
  }: {
    events: readonly TrainingEvent[];
    checkpoints: readonly MeasuredCheckpoint[];
    reports: readonly TrainingReport[] | undefined;
  },
): WireDetail {
  const detail = {
    events: events
      .map(({ state, at }) => ({ status: statusIn(state, job.was_validated), at }))
      // Several states have one word: the job has that status since the first of them.
      .filter(({ status }, index, all) => all[index + 1]?.status !== status)
      .map(({ status, at }) => ({
        name: 'status-updated',
        data: { status, ...(status.startsWith('FAILED') && job.error && { error: job.error.message }) },
        created_at: unixSeconds(at),
      })),
    checkpoints: checkpoints.map(({ step, created_at, train_loss, validation_loss, token_accuracy }) => ({
      metrics: { train_loss, valid_loss: validation_loss, valid_mean_token_accuracy: token_accuracy },
      step_number: step,
      created_at: unixSeconds(created_at),
    })),
  };
  const wire = wireJob(job, reports);
  return wire.job_type === 'classifier'
    ? { ...wire, ...detail, classifier_targets: classifierTargets(job) }
    : { ...wire, ...detail };
}

export function wireDryRun(estimate: RunEstimate): z.infer<typeof dryRunSchema> {
  return {
    ...costs(estimate),
    estimated_start_time: null,
    deprecated: true,
    details: 'About what this would come to, by its data. No job was made.',
    epochs: Math.round(estimate.epochs * 10_000) / 10_000,
    training_steps: estimate.steps,
    object: 'job.metadata',
  };
}

/** Nobody is paid. */
function costs({ seconds, tokensPerStep, trainTokens, dataTokens }: RunEstimate) {
  return {
    expected_duration_seconds: seconds,
    cost: null,
    cost_currency: null,
    train_tokens_per_step: tokensPerStep,
    train_tokens: trainTokens,
    data_tokens: dataTokens,
  };
}
