import { randomInt } from 'node:crypto';
import type { z } from 'zod';
import type { Model } from '../../../core/models/models.ts';
import { fineTunedName } from '../../../core/training/name-model.ts';
import type { JobDataset } from '../../../core/training/select-training-jobs.ts';
import type {
  Checkpoint,
  NewTrainingJob,
  TrainingEvent,
  TrainingJob,
  TrainingJobs,
} from '../../../core/training/training-jobs.ts';
import { trainingSettingsSchema } from '../../../core/training/settings.ts';
import type { TrainingState } from '../../../storage/database/tables.ts';
import type { checkpointSchema, eventSchema, HyperParameters, JobCreate, jobSchema } from '../schemas/fine-tuning.ts';
import { unixSeconds, wireId } from './ids.ts';

type WireJob = z.infer<typeof jobSchema>;
type WireEvent = z.infer<typeof eventSchema>;

/** What a learning-rate multiplier multiplies: the usual rate of an adapter. */
const usualLearningRate = 2e-4;
const usualEpochs = 3;
const usualBeta = 0.1;
/** `auto` takes so large a part of the examples into a step, within the bounds of the field. */
const batchShare = 0.002;
const mostBatchSize = 256;
/** Rows longer than this are cut: attention costs the square of it. */
const mostSequenceTokens = 1024;

const given = <T>(value: 'auto' | T | null | undefined, auto: T): T =>
  value === 'auto' || value === null || value === undefined ? auto : value;

/** `records`: how many the training file has. */
export function newTrainingJob(
  body: JobCreate,
  model: Model,
  { records, train, test }: { records: number; train: string; test: string | undefined },
): NewTrainingJob {
  const method = body.method ?? { type: 'supervised' as const };
  const asked: HyperParameters =
    (method.type === 'dpo' ? method.dpo?.hyperparameters : method.supervised?.hyperparameters) ??
    body.hyperparameters ??
    {};
  const batchSize = Math.min(mostBatchSize, Math.max(1, Math.ceil(records * batchShare)));
  return {
    api: 'openai',
    model,
    task: method.type === 'dpo' ? 'preference' : 'generation',
    method: 'lora',
    train: [{ datasetId: train }],
    test: test === undefined ? [] : [test],
    seed: body.seed ?? randomInt(0x7fff_ffff),
    settings: {
      hyperParameters: {
        epochs: given(asked.n_epochs, usualEpochs),
        learningRate: usualLearningRate * given(asked.learning_rate_multiplier, 1),
        maxSequenceTokens: Math.min(mostSequenceTokens, model.context_length),
        ...(method.type === 'dpo' && { preferenceLoss: 'dpo', preferenceBeta: given(asked.beta, usualBeta) }),
      },
      rowsPerStep: given(asked.batch_size, batchSize),
    },
    apiParameters: { ...asked },
    suffix: body.suffix ?? undefined,
    metadata: body.metadata ?? {},
  };
}

const statusOf: Readonly<Record<TrainingState, WireJob['status']>> = {
  queued: 'queued',
  validating: 'validating_files',
  validated: 'queued',
  running: 'running',
  evaluating: 'running',
  saving: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelling: 'cancelled',
  cancelled: 'cancelled',
  timed_out: 'failed',
};

const ended: ReadonlySet<TrainingState> = new Set(['succeeded', 'failed', 'cancelling', 'cancelled', 'timed_out']);

export function wireJob(job: TrainingJob): WireJob {
  const { hyperParameters, rowsPerStep } = trainingSettingsSchema.parse(job.hyper_parameters);
  const hyperparameters = {
    n_epochs: hyperParameters.epochs ?? usualEpochs,
    batch_size: rowsPerStep,
    learning_rate_multiplier: round((hyperParameters.learningRate ?? usualLearningRate) / usualLearningRate),
  };
  const beta = hyperParameters.preferenceBeta ?? usualBeta;
  const fileOf = (role: JobDataset['role']) => {
    const data = job.datasets.find((each) => each.role === role);
    return data && (data.file_id === null ? data.dataset_id : wireId('file', data.file_id));
  };
  const timedOut = job.state === 'timed_out' ? { code: 'timed_out', message: 'It took longer than it may' } : null;
  const error = job.error ?? timedOut;
  return {
    id: wireId('job', job.uuid),
    object: 'fine_tuning.job',
    created_at: unixSeconds(job.created_at),
    finished_at: job.finished_at && unixSeconds(job.finished_at),
    estimated_finish: job.seconds_left === null ? null : Math.ceil(unixSeconds(job.updated_at) + job.seconds_left),
    model: job.model_name,
    fine_tuned_model: job.state === 'succeeded' ? fineTunedName(job.model_name, job) : null,
    organization_id: job.workspace_id,
    status: job.paused && !ended.has(job.state) ? 'paused' : statusOf[job.state],
    hyperparameters,
    method:
      job.task === 'preference'
        ? { type: 'dpo', dpo: { hyperparameters: { ...hyperparameters, beta } } }
        : { type: 'supervised', supervised: { hyperparameters } },
    training_file: fileOf('train')!,
    validation_file: fileOf('test') ?? null,
    result_files: [],
    trained_tokens: job.trained_tokens,
    error: error && { code: error.code, message: error.message, param: null },
    seed: job.seed,
    integrations: [],
    metadata: job.metadata,
  };
}

/** Without the noise of binary fractions. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}

const messageOf: Readonly<Record<TrainingState, string>> = {
  queued: 'Created fine-tuning job',
  validating: 'Validating training file',
  validated: 'Files validated, moving job to queued state',
  running: 'Fine-tuning job started',
  evaluating: 'Testing the checkpoints',
  saving: 'Saving the model',
  succeeded: 'The job has successfully completed',
  failed: 'The job failed',
  cancelling: 'Fine-tuning job is being cancelled',
  cancelled: 'Fine-tuning job cancelled',
  timed_out: 'The job took longer than it may',
};

/** What happened to a job, newest first: its states, and what its steps came to. */
export function wireEvents(
  job: TrainingJob,
  states: readonly TrainingEvent[],
  steps: Awaited<ReturnType<TrainingJobs['steps']>>,
): WireEvent[] {
  const told = states.map(({ id, at, state }) => ({
    at,
    event: {
      id: `ftevent-state-${id}`,
      object: 'fine_tuning.job.event' as const,
      created_at: unixSeconds(at),
      level: state === 'failed' || state === 'timed_out' ? ('error' as const) : ('info' as const),
      message: state === 'failed' && job.error ? `${messageOf[state]}: ${job.error.message}` : messageOf[state],
      type: 'message' as const,
      data: {},
    },
  }));
  const measured = steps.map(({ step, at, loss, learning_rate }) => ({
    at,
    event: {
      id: `ftevent-step-${step}`,
      object: 'fine_tuning.job.event' as const,
      created_at: unixSeconds(at),
      level: 'info' as const,
      message: `Step ${step}/${job.total_steps ?? '?'}: training loss=${loss.toFixed(4)}`,
      type: 'metrics' as const,
      data: {
        step,
        train_loss: loss,
        learning_rate,
        ...(job.total_steps !== null && { total_steps: job.total_steps }),
      },
    },
  }));
  return [...told, ...measured].toSorted((a, b) => b.at.getTime() - a.at.getTime()).map(({ event }) => event);
}

/** Newest first. Each can be asked by its name once the job has succeeded. */
export function wireCheckpoints(
  job: TrainingJob,
  checkpoints: readonly Checkpoint[],
  steps: Awaited<ReturnType<TrainingJobs['steps']>>,
  validations: Awaited<ReturnType<TrainingJobs['validations']>>,
): z.infer<typeof checkpointSchema>[] {
  return checkpoints
    .map((checkpoint) => {
      const { number, step } = checkpoint;
      const trained = steps.find((each) => each.step === step);
      const validated = validations.find((each) => each.step === step);
      return {
        id: `ftckpt-${job.uuid.replaceAll('-', '')}-${number}`,
        object: 'fine_tuning.job.checkpoint' as const,
        created_at: unixSeconds(checkpoint.created_at),
        fine_tuned_model_checkpoint: `${fineTunedName(job.model_name, job)}:ckpt-step-${step}`,
        fine_tuning_job_id: wireId('job', job.uuid),
        metrics: {
          step,
          ...(trained && { train_loss: trained.loss }),
          ...(validated && { full_valid_loss: validated.loss }),
          ...(typeof validated?.token_accuracy === 'number' && {
            full_valid_mean_token_accuracy: validated.token_accuracy,
          }),
        },
        step_number: step,
      };
    })
    .toReversed();
}
