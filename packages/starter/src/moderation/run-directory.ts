/** The moderation model's training as a run directory of the tuner. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { modelsDirectory, starterModelPath } from '../model-files.ts';
import { releaseModel } from '../training/release.ts';
import { moderationRecords, type Split } from './corpus.ts';
import { moderationSpec, recipe } from './recipe.ts';

async function writeRecords(file: string, seed: number, split: Split, count: number): Promise<void> {
  const lines = moderationRecords(seed, split)
    .take(count)
    .map((record) => `${JSON.stringify(record)}\n`);
  await writeFile(file, lines.toArray().join(''));
}

/** Writes the data and, last, spec.json into `directory`; does nothing where spec.json is there already. */
export async function prepareModerationRun(directory: string, threads?: number): Promise<void> {
  const specPath = path.join(directory, 'spec.json');
  if (existsSync(specPath)) return;
  await mkdir(directory, { recursive: true });
  await writeRecords(path.join(directory, 'train.jsonl'), recipe.seed, 'train', recipe.trainRecords);
  await writeRecords(path.join(directory, 'validation.jsonl'), recipe.seed + 1, 'heldOut', recipe.validationRecords);
  const aside = `${specPath}.partial`;
  await writeFile(aside, `${JSON.stringify(moderationSpec(starterModelPath, threads), null, 2)}\n`);
  await rename(aside, specPath);
}

/** Where the trained model goes: the files that a server reads. */
export const moderationDirectory = path.join(modelsDirectory, 'moderation');

/** Puts a checkpoint's adapter, its matrices in half precision, and its head in `moderationDirectory`. */
export async function releaseModeration(checkpoint: string): Promise<void> {
  await mkdir(moderationDirectory, { recursive: true });
  await releaseModel(path.join(checkpoint, 'adapter.gguf'), path.join(moderationDirectory, 'adapter.gguf'));
  await copyFile(path.join(checkpoint, 'head.json'), path.join(moderationDirectory, 'head.json'));
}
