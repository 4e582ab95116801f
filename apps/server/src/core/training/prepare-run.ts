import { access, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { punchHoles, readRecords, splitRecords, writeRecords } from '@atelier/data';
import { type RunSpec, runSpecSchema } from '@atelier/tuner/contract';
import type { z } from 'zod';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import { syncDirectory } from '../../storage/sync-directory.ts';
import type { Models } from '../models/models.ts';
import { planBatches } from './batches.ts';
import type { JobRow } from './job-row.ts';
import { averageRowTokens } from './row-tokens.ts';
import { type TrainingMethod, type TrainingTask, trainingSettingsSchema } from './settings.ts';
import { jobSources, joined, requireValidRows } from './sources.ts';
import { runTargets } from './targets.ts';
import { taskRecords } from './task-records.ts';

/** Of ordinary vocabularies and texts, on the low side. */
const CHARACTERS_PER_TOKEN = 3;

/** Few and short enough to cost little beside a validation. */
const SAMPLES = 2;
const SAMPLE_TOKENS = 24;

export type PreparedRun = { directory: string; spec: RunSpec };

export type PrepareRunParts = {
  database: Database;
  blobs: BlobStore;
  models: Models;
  /** Holds one directory for each run. */
  runs: string;
  /** How trainers use this machine. */
  machine: Pick<RunSpec, 'gpu'> & { threads: number | null };
};

/**
 * The run directory of `job`: what the tuner reads, made from blobs. Made once; afterwards the same spec is found again,
 * byte for byte, so that a resumed run is the same run.
 * @throws AtelierError `unsupported_task` for records that the task does not learn from, `invalid_dataset`, `invalid_request`
 */
export async function prepareRun(parts: PrepareRunParts, job: JobRow): Promise<PreparedRun> {
  const directory = path.join(parts.runs, job.id);
  const specFile = path.join(directory, 'spec.json');
  if (!(await exists(specFile))) {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeSynced(specFile, JSON.stringify(await makeSpec(parts, job, directory), null, 2));
  }
  return { directory, spec: runSpecSchema.parse(JSON.parse(await readFile(specFile, 'utf8'))) };
}

async function makeSpec(
  { database, blobs, models, machine }: PrepareRunParts,
  job: JobRow,
  directory: string,
): Promise<RunSpec> {
  const settings = trainingSettingsSchema.parse(job.hyper_parameters);
  const model = await models.byId(job.base_model);
  const sources = {
    train: await jobSources({ database, blobs }, job.id, 'train'),
    test: await jobSources({ database, blobs }, job.id, 'test'),
  };
  requireValidRows([...sources.train, ...sources.test], settings.invalidRowShare);
  const task = job.task as TrainingTask;
  let train = (await joined(sources.train, path.join(directory, 'train-all.jsonl')))!;
  train = await taskRecords(train, task, { directory, name: 'train' });
  let test = await joined(sources.test, path.join(directory, 'test-all.jsonl'));
  if (test !== undefined) test = await taskRecords(test, task, { directory, name: 'test' });
  if (job.split_ratio !== null) {
    const files = { train: path.join(directory, 'train.jsonl'), test: path.join(directory, 'test.jsonl') };
    await splitRecords({ source: train, ...files, testShare: job.split_ratio, seed: job.seed });
    ({ train, test } = files);
  }
  if (settings.trainPercent < 100) train = await downsample(train, settings.trainPercent, job.seed, directory);
  const maxSequenceTokens = Math.min(settings.hyperParameters.maxSequenceTokens ?? Infinity, model.context_length);
  if (settings.holeShare > 0 && model.capabilities.fim === true) {
    const holes = { share: settings.holeShare, seed: job.seed + 2, longest: maxSequenceTokens * CHARACTERS_PER_TOKEN };
    const punched = path.join(directory, 'train-holes.jsonl');
    await writeRecords(punched, punchHoles(readRecords(train), holes));
    train = punched;
  }
  const { taskSettings } = settings;
  const baseModel = await models.file(model);
  const rowTokens = await averageRowTokens(train, baseModel, { chat: model.chat, task });
  const spec: z.input<typeof runSpecSchema> = {
    version: 1,
    task,
    taskSettings:
      task === 'classification'
        ? { ...taskSettings, targets: await runTargets(taskSettings.targets, train, test) }
        : taskSettings,
    method: job.method as TrainingMethod,
    baseModel,
    train: [train],
    validation: test === undefined ? [] : [test],
    promptFormat: model.chat ? 'chat' : 'raw',
    samples: { count: SAMPLES, maxTokens: SAMPLE_TOKENS },
    hyperParameters: {
      ...settings.hyperParameters,
      ...planBatches(settings.rowsPerStep, rowTokens, maxSequenceTokens),
      maxSequenceTokens,
    },
    seed: job.seed,
    gpu: machine.gpu,
    ...(machine.threads !== null && { threads: machine.threads }),
  };
  return runSpecSchema.parse(spec);
}

/** A share of the records, at least one, in a file of its own. */
async function downsample(source: string, percent: number, seed: number, directory: string): Promise<string> {
  const kept = path.join(directory, 'kept.jsonl');
  const dropped = path.join(directory, 'dropped.jsonl');
  await splitRecords({ source, train: kept, test: dropped, testShare: 1 - percent / 100, seed: seed + 1 });
  await rm(dropped);
  return kept;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

async function writeSynced(file: string, text: string): Promise<void> {
  const aside = `${file}.new`;
  const handle = await open(aside, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, file);
  await syncDirectory(path.dirname(file));
}
