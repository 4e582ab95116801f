/** Tiny data sets of each sequence task, learnable from single letters. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DatasetRecord } from '@atelier/data';
import { runSpecSchema, type RunSpec } from '../src/contract/index.ts';

export type SequenceTask = 'classification' | 'regression' | 'embedding' | 'scored' | 'reward';

const animals = ['ant', 'bee', 'cat', 'dog', 'emu', 'fox'];

export const sequenceRecords: Record<SequenceTask, DatasetRecord[]> = {
  classification: animals.flatMap((animal, i) => [
    {
      kind: 'labelled',
      text: `${animal} says`,
      labels: { size: i % 2 === 0 ? 'small' : 'large', traits: i < 3 ? ['early'] : ['late', 'hairy'] },
    },
    {
      kind: 'labelled',
      messages: [{ role: 'user', content: `the ${animal}` }],
      labels: { traits: { early: i < 3 ? 1 : 0 } },
      weight: 0.5,
    },
  ]),
  regression: animals.map((animal, i) => ({
    kind: 'labelled',
    text: `${animal} weighs a lot`,
    labels: { grams: 1000 + 500 * i, ...(i > 1 && { legs: i % 2 }) },
  })),
  embedding: animals.map((animal) => ({
    kind: 'pair',
    first: `${animal} one`,
    second: `${animal.toUpperCase()} two, and more`,
  })),
  scored: animals.map((animal, i) => ({
    kind: 'pair',
    first: `${animal} one`,
    second: `${animals[(i + 1) % 6]} two`,
    score: (i % 3) / 2,
  })),
  reward: animals.map((animal) => ({
    kind: 'preference',
    messages: [{ role: 'user', content: `name ${animal}` }],
    chosen: 'yes, gladly',
    rejected: 'no',
  })),
};

export const taskOf = (task: SequenceTask): RunSpec['task'] => (task === 'scored' ? 'embedding' : task);

/** Fields of a run's spec for a task, whose records replace those that `writeRun` wrote. */
export async function writeSequenceRecords(directory: string, records: readonly object[]): Promise<void> {
  const text = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  await writeFile(path.join(directory, 'train.jsonl'), text);
  await writeFile(path.join(directory, 'validation.jsonl'), text);
}

export function specOf(
  task: SequenceTask,
  baseModel: string,
  settings: Partial<RunSpec['taskSettings']> = {},
): RunSpec {
  return runSpecSchema.parse({
    version: 1,
    task: taskOf(task),
    taskSettings: settings,
    method: 'lora',
    baseModel,
    train: ['train.jsonl'],
  });
}
