/** Every method and every optimizer, run through and run with an interruption: the same bytes. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { methods, optimizers, type RunEvent, type RunSpec } from '../src/contract/index.ts';
import { EventLog } from '../src/run/event-log.ts';
import { train, type Outcome } from '../src/run/trainer.ts';
import { chatTemplate, events, writeRun } from './run-directory.ts';
import { quantiseFile } from './quantised-file.ts';

let root: string;
let model: string;
let quantised: string;
let next = 0;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'tuner-resume-'));
  model = path.join(root, 'tiny.gguf');
  quantised = path.join(root, 'tiny-q8_0.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64, layers: 1, chatTemplate });
  await quantiseFile(model, quantised, 'Q8_0');
});
afterAll(() => rm(root, { recursive: true }));

type Change = {
  validation?: string[];
  method?: RunSpec['method'];
  seed?: number;
  hyperParameters?: Partial<RunSpec['hyperParameters']>;
};

async function trained(directory: string, stopAfter = Infinity): Promise<Outcome> {
  using log = new EventLog(path.join(directory, 'events.jsonl'));
  let batches = 0;
  return await train(directory, log, { requested: () => (++batches > stopAfter ? 'interrupted' : undefined) });
}

/** What a run reports, without the times. */
const told = (all: readonly RunEvent[]): unknown[] =>
  all
    .filter((event) => event.type !== 'plan' && event.type !== 'state')
    .map((event) => ({ ...event, at: 0, tokensPerSecond: 0, secondsLeft: 0 }));

async function outcome(
  change: Change,
  base: string,
  stops: readonly number[] = [],
): Promise<{ sum: string; told: unknown[] }> {
  const directory = path.join(root, `run-${next++}`);
  await writeRun(directory, base, {
    ...change,
    hyperParameters: {
      batchTokens: 128,
      epochs: 2,
      loraRank: 2,
      loraDropout: 0.1,
      neftuneAlpha: 5,
      ...change.hyperParameters,
    },
  });
  for (const stop of stops) expect(await trained(directory, stop)).toBe('interrupted');
  expect(await trained(directory)).toBe('succeeded');
  const all = await events(directory);
  const last = all.findLast((event) => event.type === 'checkpoint')!;
  const folder = path.join(directory, last.path);
  const hash = createHash('sha256');
  for (const file of [last.file, 'state.gguf']) hash.update(await readFile(path.join(folder, file)));
  return { sum: hash.digest('hex'), told: told(all) };
}

describe('a run that was interrupted', () => {
  it.each([
    ...methods.map((method) => ({ method, optimizer: 'adamw' as const })),
    ...optimizers.filter((name) => name !== 'adamw').map((optimizer) => ({ method: 'lora' as const, optimizer })),
    { method: 'full' as const, optimizer: 'adafactor' as const },
  ])('ends as one that was not: $method, $optimizer', { timeout: 120_000 }, async ({ method, optimizer }) => {
    const change: Change = {
      // Each start renders the rows of its data in a process of their own.
      ...(optimizer !== 'adamw' && { validation: [] }),
      method,
      hyperParameters: { optimizer, momentum: 0.9, weightDecay: 0.1, learningRate: 1e-3 },
    };
    const base = method === 'qlora' ? quantised : model;
    const through = await outcome(change, base);
    const resumed = await outcome(change, base, optimizer === 'adamw' ? [2, 1] : [3]);
    expect(resumed.sum).toBe(through.sum);
    expect(resumed.told).toEqual(through.told);
  });
});

it('a run that is resumed keeps the number of threads that it began with', { timeout: 120_000 }, async () => {
  const directory = path.join(root, `run-${next++}`);
  await writeRun(directory, model, { validation: [], hyperParameters: { steps: 3, batchTokens: 128 } });
  const specFile = path.join(directory, 'spec.json');
  const { threads: _, ...spec } = JSON.parse(await readFile(specFile, 'utf8')) as RunSpec;
  await writeFile(specFile, JSON.stringify(spec));
  const begun = availableParallelism() + 1; // as on a machine with another number of cores
  using log = new EventLog(path.join(directory, 'events.jsonl'));
  const plan = { totalSteps: 3, epochs: 1, rows: 0, tokensPerEpoch: 0, supervisedTokensPerEpoch: 0, truncatedRows: 0 };
  const facts = { trainableParameters: 0, parameters: 0, bytes: 0, backend: 'CPU', blas: null, resumedFrom: 0 };
  log.write({ type: 'plan', ...plan, ...facts, threads: begun });
  expect(await trained(directory)).toBe('succeeded');
  const plans = (await events(directory)).filter((event) => event.type === 'plan');
  expect(plans.map((event) => event.threads)).toEqual([begun, begun]);
});

describe('the seed', () => {
  it('decides the result, and nothing else does', { timeout: 120_000 }, async () => {
    const one = await outcome({ seed: 1, validation: [] }, model);
    expect((await outcome({ seed: 1, validation: [] }, model)).sum).toBe(one.sum);
    expect((await outcome({ seed: 2, validation: [] }, model)).sum).not.toBe(one.sum);
  });

  it('decides the noise on embeddings', { timeout: 120_000 }, async () => {
    const quiet = { loraDropout: 0, neftuneAlpha: 0 };
    const sums = await Promise.all(
      [quiet, { ...quiet, neftuneAlpha: 5 }].map(
        async (hyperParameters) => (await outcome({ hyperParameters, validation: [] }, model)).sum,
      ),
    );
    expect(sums[0]).not.toBe(sums[1]);
  });
});
