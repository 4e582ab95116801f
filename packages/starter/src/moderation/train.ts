/**
 * npm run starter:moderation -- [--threads N] [--out DIR]
 *
 * Generates the corpus, trains the moderation model with the tuner and puts it in packages/starter/models/moderation. Every
 * step is kept in DIR (.cache/starter/moderation when absent); stopped at any point, the same command goes on.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { newestCheckpoint } from '../training/run-directory.ts';
import { interrupted, runTuner } from '../training/run-tuner.ts';
import { prepareModerationRun, releaseModeration } from './run-directory.ts';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { threads: { type: 'string' }, out: { type: 'string' } } });
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  if (threads !== undefined && !(threads > 0)) {
    console.error('usage: train.ts [--threads N] [--out DIR]');
    return 2;
  }
  const directory = path.resolve(values.out ?? path.join(repository, '.cache/starter/moderation'));
  await prepareModerationRun(directory, threads);
  console.log(`Training; progress in ${path.join(directory, 'events.jsonl')}`);
  const code = await runTuner(directory);
  if (code !== 0) return code === interrupted ? 0 : code;
  const checkpoint = await newestCheckpoint(directory);
  if (checkpoint === undefined) throw new Error(`${directory} has no checkpoint`);
  await releaseModeration(path.dirname(checkpoint.file));
  console.log(`Step ${checkpoint.step} -> packages/starter/models/moderation`);
  return 0;
}

process.exitCode = await main();
