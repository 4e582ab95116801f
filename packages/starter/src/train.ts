/**
 * npm run starter:train -- [--model starter|tiny] [--minutes N] [--tokens N] [--threads N] [--out DIR]
 *
 * Generates the corpus, writes the initial model, trains it with the tuner and puts the result in packages/starter/models.
 * Every step is kept in DIR (.cache/starter/MODEL when absent); stopped at any point, or by --minutes, the same command goes on.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { architectures, type ArchitectureName } from './architecture.ts';
import { releaseModel } from './training/release.ts';
import { newestCheckpoint, prepareRun } from './training/run-directory.ts';
import { interrupted, runTuner } from './training/run-tuner.ts';

const repository = fileURLToPath(new URL('../../../', import.meta.url));
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: 'starter' },
      minutes: { type: 'string' },
      tokens: { type: 'string' },
      threads: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const minutes = number(values.minutes);
  const corpusTokens = number(values.tokens);
  const threads = number(values.threads);
  const models = Object.keys(architectures).join('|');
  if (
    !Object.hasOwn(architectures, values.model) ||
    [minutes, corpusTokens, threads].some((value) => !((value ?? 1) > 0))
  ) {
    console.error(`usage: train.ts [--model ${models}] [--minutes N] [--tokens N] [--threads N] [--out DIR]`);
    return 2;
  }
  const name = values.model as ArchitectureName;
  const directory = path.resolve(values.out ?? path.join(repository, '.cache/starter', name));
  console.log(`Preparing ${directory}`);
  await prepareRun(directory, name, { corpusTokens, threads });
  console.log(`Training; progress in ${path.join(directory, 'events.jsonl')}`);
  const code = await runTuner(directory, minutes);
  if (code === interrupted) {
    console.log('Stopped with a checkpoint; run the same command again to go on.');
    return 0;
  }
  if (code !== 0) return code;
  const checkpoint = await newestCheckpoint(directory);
  if (checkpoint === undefined) throw new Error(`${directory} has no checkpoint`);
  const released = path.join(repository, 'packages/starter/models', `${name}.gguf`);
  await releaseModel(checkpoint.file, released);
  console.log(`Step ${checkpoint.step} -> ${released}`);
  return 0;
}

process.exitCode = await main();
