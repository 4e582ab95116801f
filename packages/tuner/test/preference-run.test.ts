import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunSpec } from '../src/contract/index.ts';
import { chatTemplate, ended, events, last, run, start, writeRun } from './run-directory.ts';

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'tuner-preference-run-'));
  model = path.join(root, 'tiny.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64, chatTemplate });
});
afterAll(() => rm(root, { recursive: true }));

const letters = [...'abcdefghijkl'];
const messages = (letter: string) => [{ role: 'user', content: `What is in box ${letter}?` }];
const preferences = letters.map((letter) => ({
  kind: 'preference',
  messages: messages(letter),
  chosen: 'A red ball.',
  rejected: 'Go away!',
}));
const ratings = letters.map((letter, i) => ({
  kind: 'rating',
  messages: messages(letter),
  answer: i % 2 === 0 ? 'A red ball.' : 'Go away!',
  desirable: i % 2 === 0,
}));

let next = 0;

async function writePreferenceRun(
  spec: Omit<Parameters<typeof writeRun>[2], 'task'>,
  records: readonly object[] = preferences,
): Promise<string> {
  const directory = path.join(root, `run-${next++}`);
  await writeRun(directory, model, { task: 'preference', ...spec });
  const lines = (part: readonly object[]): string => part.map((record) => `${JSON.stringify(record)}\n`).join('');
  await writeFile(path.join(directory, 'train.jsonl'), lines(records));
  await writeFile(path.join(directory, 'validation.jsonl'), lines(records.slice(0, 4)));
  return directory;
}

describe('a run', () => {
  const cases: [string, RunSpec['method'], Partial<RunSpec['hyperParameters']>, readonly object[]][] = [
    ['DPO', 'lora', { preferenceLoss: 'dpo', labelSmoothing: 0.1 }, preferences],
    ['DPO of all weights', 'full', { preferenceLoss: 'dpo', learningRate: 1e-3 }, preferences],
    ['ORPO', 'lora', { preferenceLoss: 'orpo' }, preferences],
    ['KTO on preferences', 'qlora', { preferenceLoss: 'kto' }, preferences],
    ['KTO on ratings', 'dora', { preferenceLoss: 'kto' }, ratings],
  ];
  it.each(cases)(
    'raises the reward of chosen answers above that of rejected ones: %s',
    async (_, method, hyperParameters, records) => {
      const directory = await writePreferenceRun(
        { method, hyperParameters: { epochs: 8, ...hyperParameters } },
        records,
      );
      expect(await run(directory)).toBe(0);
      const all = await events(directory);
      const steps = all.filter((event) => event.type === 'step');
      const validations = all.filter((event) => event.type === 'validation');
      expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss * 0.9);
      expect(steps.at(-1)!.rewardMargin!).toBeGreaterThan(0.1);
      expect(validations.at(-1)!.loss).toBeLessThan(validations[0]!.loss);
      expect(validations.at(-1)!.rewardMargin!).toBeGreaterThan(0.1);
      expect(validations.at(-1)!.rows).toBe(4);
      expect(validations.at(-1)!.accuracy).toBe(records === ratings ? undefined : 1);
      expect(last(all, 'plan')).toMatchObject({ rows: 12, truncatedRows: 0 });
      const folder = path.join(directory, last(all, 'checkpoint')!.path, last(all, 'checkpoint')!.file);
      expect((await readFile(folder)).length).toBe(last(all, 'checkpoint')!.bytes);
    },
    120_000,
  );

  it('begins with no margin, and ends with the same bytes when it was killed, its reference lost or not', async () => {
    const spec = { hyperParameters: { epochs: 4, loraDropout: 0.1 } };
    const result = async (directory: string): Promise<Buffer> =>
      readFile(path.join(directory, last(await events(directory), 'checkpoint')!.path, 'adapter.gguf'));
    const whole = await writePreferenceRun(spec);
    expect(await run(whole)).toBe(0);
    const first = (await events(whole)).find((event) => event.type === 'step');
    expect(first!.loss).toBeCloseTo(Math.log(2), 4);
    expect(first!.rewardMargin).toBeCloseTo(0, 4);

    for (const reference of ['kept', 'lost']) {
      const killed = await writePreferenceRun(spec);
      const child = start(killed);
      const died = ended(child);
      while (child.exitCode === null && !last(await events(killed), 'checkpoint')) await setTimeout(5);
      child.kill('SIGKILL');
      await died;
      if (reference === 'lost') await rm(path.join(killed, 'reference.bin'));
      expect(await run(killed, '--resume')).toBe(0);
      expect(await result(killed)).toEqual(await result(whole));
    }
  }, 180_000);

  it('is refused on records that its loss cannot learn from', async () => {
    const directory = await writePreferenceRun({ hyperParameters: { preferenceLoss: 'dpo' } }, [
      ...preferences,
      ratings[0]!,
    ]);
    expect(await run(directory)).toBe(1);
    expect(last(await events(directory), 'error')).toMatchObject({
      code: 'invalid_dataset',
      details: { line: 13, field: 'kind', reason: 'is rating; this preference loss takes preference' },
    });
  }, 120_000);
});
