/** A starter model's training as a run directory of the tuner: everything it reads, made once and kept for a resume. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runSpecSchema } from '@atelier/tuner/contract';
import { architectures, type ArchitectureName } from '../architecture.ts';
import { writeCorpus } from '../corpus/write.ts';
import { writeInitialModel } from '../initial-model.ts';
import { committedTokenizer } from '../tokenizer/committed-tokenizer.ts';
import { recipes } from './recipe.ts';

/** Writes corpus, initial model and, last, spec.json into `directory`; does nothing where spec.json is there already. */
export async function prepareRun(
  directory: string,
  name: ArchitectureName,
  options: { corpusTokens?: number | undefined; threads?: number | undefined } = {},
): Promise<void> {
  const specPath = path.join(directory, 'spec.json');
  if (existsSync(specPath)) return;
  const { seed, hyperParameters } = recipes[name];
  const tokens = options.corpusTokens ?? recipes[name].corpusTokens;
  await mkdir(directory, { recursive: true });
  await writeCorpus({ seed, tokens, directory: path.join(directory, 'corpus') });
  await writeInitialModel(path.join(directory, 'initial.gguf'), {
    architecture: architectures[name],
    tokenizer: await committedTokenizer(),
    seed,
  });
  const spec = runSpecSchema.parse({
    version: 1,
    task: 'generation',
    method: 'full',
    baseModel: 'initial.gguf',
    train: ['corpus/train.jsonl'],
    validation: ['corpus/validation.jsonl'],
    hyperParameters,
    seed,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  const aside = `${specPath}.partial`;
  await writeFile(aside, `${JSON.stringify(spec, null, 2)}\n`);
  await rename(aside, specPath);
}

type Line = { type: string; path?: string; file?: string; step?: number };

/** The weights of the newest checkpoint that a run has reported, or undefined. */
export async function newestCheckpoint(directory: string): Promise<{ file: string; step: number } | undefined> {
  const events = path.join(directory, 'events.jsonl');
  if (!existsSync(events)) return undefined;
  const lines = (await readFile(events, 'utf8')).split('\n').filter((line) => line.endsWith('}'));
  const last = lines.map((line) => JSON.parse(line) as Line).findLast((event) => event.type === 'checkpoint');
  if (last?.path === undefined || last.file === undefined) return undefined;
  return { file: path.join(directory, last.path, last.file), step: last.step ?? 0 };
}
