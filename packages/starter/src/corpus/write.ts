/** Writes a corpus as record files (JSONL of DatasetRecord) that the tuner reads. */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { generateCorpus } from './generate.ts';
import type { Split } from './skill.ts';

export type CorpusFiles = { train: string; validation: string };

/** Tokens of the validation file: enough for a steady loss, little enough to run often. */
const validationTokens = 20_000;

async function writeSplit(path: string, seed: number, tokens: number, split: Split): Promise<number> {
  let records = 0;
  function* lines() {
    for (const { record } of generateCorpus({ seed, tokens, split })) {
      records++;
      yield `${JSON.stringify(record)}\n`;
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(path));
  return records;
}

/** Writes `train.jsonl` and `validation.jsonl` into `directory`. The validation file shares no invented name with the training file. */
export async function writeCorpus(options: {
  seed: number;
  tokens: number;
  directory: string;
}): Promise<CorpusFiles & { records: number }> {
  await mkdir(options.directory, { recursive: true });
  const train = join(options.directory, 'train.jsonl');
  const validation = join(options.directory, 'validation.jsonl');
  const records = await writeSplit(train, options.seed, options.tokens, 'train');
  await writeSplit(validation, options.seed, Math.min(validationTokens, options.tokens), 'heldOut');
  return { train, validation, records };
}
