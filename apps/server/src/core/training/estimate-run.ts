/** About what a run comes to, told from its data and settings without native code and before anything runs. */
import { availableParallelism } from 'node:os';
import { countRecords } from '@atelier/data';
import { hyperParametersSchema } from '@atelier/tuner/contract';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import type { Identity } from '../access/access.ts';
import type { Datasets } from '../datasets/datasets.ts';
import type { Model, Models } from '../models/models.ts';
import { planBatches } from './batches.ts';
import { averageRowTokens } from './row-tokens.ts';
import { type RunEstimate, type TrainingSettings, trainingSettingsSchema, type TrainingTask } from './settings.ts';
import { requireValidRows } from './sources.ts';
import type { NewTrainingJob } from './training-jobs.ts';

type Parts = { database: Database; models: Models };

/** A core of today, in F32, and what a token costs for each weight: two on the way there, four on the way back. */
const OPERATIONS_PER_SECOND = 2e10;
const OPERATIONS_PER_WEIGHT = 6;

/** @throws AtelierError as averageRowTokens does, where the data cannot be learnt from */
export async function estimateRun(
  { database, models }: Parts,
  run: { model: Model; task: TrainingTask; files: readonly string[]; settings: TrainingSettings },
): Promise<RunEstimate> {
  const { hyperParameters: asked, rowsPerStep } = trainingSettingsSchema.parse(run.settings);
  const { steps: askedSteps, epochs: askedEpochs } = hyperParametersSchema.parse(asked);
  const baseModel = await models.file(run.model);
  let [rows, tokens] = [0, 0];
  for (const file of run.files) {
    const records = await countRecords(file);
    rows += records;
    tokens += records * (await averageRowTokens(file, baseModel, { chat: run.model.chat, task: run.task }));
  }
  const longest = Math.min(asked.maxSequenceTokens ?? Infinity, run.model.context_length);
  const { batchTokens, gradientAccumulation } = planBatches(rowsPerStep, tokens / rows, longest);
  const tokensPerStep = batchTokens * gradientAccumulation;
  const tokensPerEpoch = rows * Math.min(tokens / rows, longest);
  const stepsPerEpoch = Math.max(1, Math.ceil(tokensPerEpoch / tokensPerStep));
  const steps = askedSteps ?? Math.max(1, Math.ceil(askedEpochs * stepsPerEpoch));
  const trainTokens = Math.round((steps / stepsPerEpoch) * tokensPerEpoch);
  const speed = await tokensPerSecond(database, run.model);
  return {
    dataTokens: Math.round(tokens),
    tokensPerStep,
    trainTokens,
    steps,
    epochs: steps / stepsPerEpoch,
    seconds: Math.ceil(trainTokens / speed),
  };
}

/** As fast as the model was learnt from lately on this server; else as such machines are. */
async function tokensPerSecond(database: Database, model: Model): Promise<number> {
  const latest = await database
    .selectFrom('training_jobs')
    .select('id')
    .where('base_model', '=', model.id)
    .where('total_steps', 'is not', null)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  const step =
    latest &&
    (await database
      .selectFrom('training_steps')
      .select('tokens_per_second')
      .where('job_id', '=', latest.id)
      .orderBy('step', 'desc')
      .limit(1)
      .executeTakeFirst());
  if (step && step.tokens_per_second > 0) return step.tokens_per_second;
  return (OPERATIONS_PER_SECOND * availableParallelism()) / (OPERATIONS_PER_WEIGHT * model.parameters);
}

export type EstimateJob = ReturnType<typeof createEstimateJob>;

/** The estimate of a job that is not made. */
export function createEstimateJob({ datasets, blobs, ...parts }: Parts & { datasets: Datasets; blobs: BlobStore }) {
  /** @throws AtelierError `not_found` for a data set, or what the job's validation would fail with, as far as its rows say */
  return async (
    identity: Identity,
    { model, task = 'generation', train, test = [], settings }: NewTrainingJob,
  ): Promise<RunEstimate> => {
    const read = (ids: readonly string[]) => Promise.all(ids.map((id) => datasets.inWorkspace(identity, id)));
    const learnt = await read(train.map(({ datasetId }) => datasetId));
    requireValidRows([...learnt, ...(await read(test))], trainingSettingsSchema.parse(settings).invalidRowShare);
    const files = await Promise.all(learnt.map(({ records_blob }) => blobs.localPath(records_blob!)));
    return estimateRun(parts, { model, task, files, settings });
  };
}
