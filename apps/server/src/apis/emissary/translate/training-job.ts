import type { z } from 'zod';
import type { Dataset } from '../../../core/datasets/datasets.ts';
import type { TrainingJob, TrainingJobs } from '../../../core/training/training-jobs.ts';
import type { trainingJobDetailSchema, trainingJobSummarySchema } from '../schemas/training-jobs.ts';
import { datasetSummary } from './dataset.ts';
import { parametersOfJob } from './job-parameters.ts';
import { unixSeconds } from './unix-time.ts';
import { detailStatus, summaryStatus } from './vocabulary.ts';

export function trainingJobSummary(job: TrainingJob): z.infer<typeof trainingJobSummarySchema> {
  return {
    id: job.id,
    name: job.name,
    base_model: job.model_name,
    status: summaryStatus(job.state),
    progress: Math.round(job.progress * 100),
    created_by: job.created_by,
    created_at: unixSeconds(job.created_at),
    updated_at: unixSeconds(job.updated_at),
  };
}

export type TrainingJobParts = {
  train: Dataset;
  test: Dataset | undefined;
  steps: Awaited<ReturnType<TrainingJobs['steps']>>;
  validations: Awaited<ReturnType<TrainingJobs['validations']>>;
  samples: Awaited<ReturnType<TrainingJobs['samples']>>;
};

export function trainingJobDetail(
  job: TrainingJob,
  { train, test, steps, validations, samples }: TrainingJobParts,
): z.infer<typeof trainingJobDetailSchema> {
  return {
    ...trainingJobSummary(job),
    status: detailStatus[job.state],
    ...(job.description !== null && { description: job.description }),
    train_dataset: datasetSummary(train),
    ...(test && { test_dataset: datasetSummary(test) }),
    training_loss: steps.map(({ at, loss, step, learning_rate, tokens_per_second }) => ({
      timestamp: at.getTime() / 1000,
      loss,
      step,
      learning_rate,
      tokens_per_second,
    })),
    validation_loss: validations.map(({ at, loss, token_accuracy, step }) => ({
      timestamp: at.getTime() / 1000,
      loss,
      ...(token_accuracy !== null && { token_accuracy }),
      step,
    })),
    samples: samples.map(({ at, step, prompt, expected, answer }) => ({
      timestamp: at.getTime() / 1000,
      step,
      prompt,
      ...(expected !== null && { expected }),
      text: answer,
    })),
    ...(job.total_steps !== null && { total_steps: job.total_steps }),
    ...(job.seconds_left !== null && { seconds_left: job.seconds_left }),
    hyper_parameters: parametersOfJob(job),
    ...(job.error && { error: { code: job.error.code, message: job.error.message } }),
  };
}
