/** From what a request asks of a fine-tuning job to the platform's words. */
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { PlatformFile } from '../../../core/files/files.ts';
import type { Model } from '../../../core/models/models.ts';
import { trainingSettingsSchema } from '../../../core/training/settings.ts';
import type { NewTrainingJob } from '../../../core/training/training-jobs.ts';
import type { jobCreateSchema } from '../schemas/fine-tuning.ts';

export type JobRequest = z.infer<typeof jobCreateSchema>;

/** The hosted API does not say how many rows make a step; small ones suit the machines that this runs on. */
const ROWS_PER_STEP = 8;
/** Checkpoints every tenth of the way. */
const CHECKPOINT_SHARE = 0.1;
/** Rows longer than this are cut unless more is asked for: attention costs the square of it. */
const SEQUENCE_TOKENS = 1024;

const published = { weight_decay: 0.1, warmup_fraction: 0.05, epochs: 3, fim_ratio: 0.9 };

const lossFunctions = { single_class: 'softmax', multi_class: 'sigmoid' } as const;

/** @throws AtelierError `invalid_request` for what this platform does not do */
export function refuseUnsupported({ repositories, training_files }: JobRequest): void {
  const refuse = (reason: string): never => {
    throw new AtelierError('invalid_request', { reason });
  };
  if (repositories?.length)
    refuse('repositories: this server fetches no repositories: upload their texts as a training file');
  if (training_files.length === 0) refuse('training_files: give at least one');
}

/** `fileOf` gives the files of the request. @throws AtelierError `invalid_request` */
export function newFineTuningJob(
  request: JobRequest,
  model: Model,
  fileOf: (id: string) => PlatformFile,
): NewTrainingJob {
  if (model.kind !== 'base')
    throw new AtelierError('invalid_request', { reason: 'model: only base models are trained' });
  const { hyperparameters: given, classifier_targets: targets, job_type } = request;
  const isClassifier = (job_type ?? (targets?.length ? 'classifier' : 'completion')) === 'classifier';
  if (!isClassifier && targets?.length)
    throw new AtelierError('invalid_request', { reason: 'classifier_targets: belong to a job of type classifier' });
  const autoStart = request.auto_start ?? false;
  const seqLen = given.seq_len ?? Math.min(SEQUENCE_TOKENS, model.context_length);
  if (seqLen > model.context_length)
    throw new AtelierError('invalid_request', { reason: `seq_len: the model holds ${model.context_length} tokens` });
  const settings = trainingSettingsSchema.safeParse({
    hyperParameters: {
      ...(given.training_steps && { steps: given.training_steps }),
      epochs: given.epochs ?? published.epochs,
      learningRate: given.learning_rate,
      schedule: 'cosine',
      weightDecay: given.weight_decay ?? published.weight_decay,
      warmupFraction: given.warmup_fraction ?? published.warmup_fraction,
      maxSequenceTokens: seqLen,
      checkpointFraction: CHECKPOINT_SHARE,
    },
    ...(targets?.length && {
      taskSettings: {
        targets: targets.map(({ name, labels, weight, loss_function }) => ({
          name,
          weight,
          ...(labels.length > 0 && { labels }),
          ...(loss_function && { lossFunction: lossFunctions[loss_function] }),
        })),
      },
    }),
    rowsPerStep: ROWS_PER_STEP,
    invalidRowShare: request.invalid_sample_skip_percentage,
    holeShare: isClassifier || model.capabilities.fim !== true ? 0 : (given.fim_ratio ?? published.fim_ratio),
    answerTests: false,
  });
  if (!settings.success)
    throw new AtelierError('invalid_request', { reason: `classifier_targets: ${settings.error.issues[0]?.message}` });
  return {
    api: 'mistral',
    model,
    task: isClassifier ? 'classification' : 'generation',
    method: 'lora',
    train: request.training_files.map((each) =>
      typeof each === 'string'
        ? { datasetId: datasetOf(fileOf(each)) }
        : { datasetId: datasetOf(fileOf(each.file_id)), weight: each.weight },
    ),
    test: (request.validation_files ?? []).map((id) => datasetOf(fileOf(id))),
    seed: 0,
    settings: settings.data,
    apiParameters: { auto_start: autoStart },
    autoStart,
    suffix: request.suffix || undefined,
    integrations: (request.integrations ?? []).map(({ project, name, run_name, api_key }) => ({
      kind: 'wandb',
      project,
      runName: name ?? run_name ?? undefined,
      apiKey: api_key,
    })),
    anyProject: true,
    unique: true,
  };
}

/** Every file that the request names, once. */
export function filesOf({ training_files, validation_files }: JobRequest): string[] {
  const named = training_files.map((each) => (typeof each === 'string' ? each : each.file_id));
  return [...new Set([...named, ...(validation_files ?? [])])];
}

function datasetOf({ id, dataset_id }: PlatformFile): string {
  if (dataset_id !== null) return dataset_id;
  throw new AtelierError('invalid_request', { reason: `File ${id} holds no training data: its purpose is another` });
}
