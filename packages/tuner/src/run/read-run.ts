/** What a run directory says, before any device is opened. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { readGguf, type GgufFile } from '@atelier/llama/gguf';
import type { RunSpec } from '../contract/index.ts';
import type { Device } from '../graph/device.ts';
import { readConfig } from '../models/config.ts';
import { requireTask } from '../models/trainable.ts';
import type { Weights } from '../models/weights.ts';
import type { Setting } from '../objectives/objective.ts';
import { parseSpec, readSettingsFile } from './spec-file.ts';

export type ReadRun = {
  readonly spec: RunSpec;
  /** SHA-256 of spec.json. */
  readonly specHash: string;
  /** Absolute paths. */
  readonly baseModel: string;
  readonly train: readonly string[];
  readonly validation: readonly string[];
  /** Header of the base model. */
  readonly base: GgufFile;
  readonly now: number;
};

/** Throws invalid_request, invalid_model_file, unsupported_model or unsupported_task: what cannot be trained is refused at once. */
export async function readRun(directory: string): Promise<ReadRun> {
  const specText = await readSettingsFile(directory, 'spec.json');
  const spec = parseSpec(specText);
  const baseModel = path.resolve(directory, spec.baseModel);
  if (!existsSync(baseModel))
    throw new AtelierError('invalid_model_file', { file: spec.baseModel, reason: 'there is no such file' });
  const base = await readGguf(baseModel);
  requireTask(readConfig(base, spec.baseModel), spec.task);
  const files = (field: 'train' | 'validation'): Promise<string[]> =>
    Promise.all(spec[field].map((name, index) => dataFile(directory, name, `${field}.${index}`)));
  return {
    spec,
    specHash: createHash('sha256').update(specText).digest('hex'),
    baseModel,
    train: await files('train'),
    validation: await files('validation'),
    base,
    // A template may print the date: a run resumed tomorrow must print today's.
    now: Math.floor((await stat(path.join(directory, 'spec.json'))).mtimeMs),
  };
}

/** Files are read more than once, so what is no file will not do. */
async function dataFile(directory: string, name: string, field: string): Promise<string> {
  const file = path.resolve(directory, name);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile()) return file;
  const why = found ? 'it is not a regular file' : 'there is no such file';
  throw new AtelierError('invalid_request', { reason: `spec.json: ${field}: ${name.slice(0, 200)}: ${why}` });
}

/** What an objective of the run is made of. */
export function settingOf(
  { spec, baseModel, base, train, validation, now }: ReadRun,
  device: Device,
  weights: Weights,
): Setting {
  const limit = Math.min(spec.hyperParameters.maxSequenceTokens, weights.config.context);
  return { spec, device, weights, baseModel, base, train, validation, limit, now };
}
