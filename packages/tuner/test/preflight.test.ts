import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { writeTinyModel } from '@atelier/llama/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runPlanSchema, type RunPlan, type RunSpec } from '../src/contract/index.ts';
import { histogram } from '../src/run/preflight/data-plan.ts';
import { chatTemplate, events, last, records, run, writeRun } from './run-directory.ts';

let root: string;
let model: string;
let next = 0;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'tuner-preflight-'));
  model = path.join(root, 'model.gguf');
  await writeTinyModel(model, { dim: 384, ff: 1024, layers: 4, vocabSize: 2048, context: 1024, chatTemplate });
});
afterAll(() => rm(root, { recursive: true }));

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const directory = (): string => path.join(root, `run-${next++}`);

async function plan(dir: string, ...options: string[]): Promise<{ code: number; plan: RunPlan; complaint: string }> {
  const child = spawn(process.execPath, [main, 'plan', dir, ...options]);
  const [printed, complaint] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: child.exitCode!, plan: runPlanSchema.parse(JSON.parse(printed)), complaint };
}

async function changeSpec(dir: string, change: (spec: RunSpec) => Partial<RunSpec>): Promise<void> {
  const file = path.join(dir, 'spec.json');
  const spec = JSON.parse(await readFile(file, 'utf8')) as RunSpec;
  await writeFile(file, JSON.stringify({ ...spec, ...change(spec) }));
}

describe('a plan', () => {
  it.each(['lora', 'full'] as const)(
    'tells memory near what the process takes, and the steps that it does: %s',
    { timeout: 180_000 },
    async (method) => {
      const dir = directory();
      await writeRun(dir, model, { method, hyperParameters: { epochs: 1, batchTokens: 1024 } });
      const { code, plan: planned } = await plan(dir);
      expect(code).toBe(0);
      expect(planned.seconds).toBeNull();
      expect(await run(dir)).toBe(0);
      const all = await events(dir);
      const { peakBytes } = last(all, 'state')!;
      // The estimate is meant to be within 10 %; in a run this small, when V8 collects its garbage moves the truth by 6 % more.
      expect(planned.memory.total / peakBytes!).toBeGreaterThan(0.85);
      expect(planned.memory.total / peakBytes!).toBeLessThan(1.16);
      expect(last(all, 'plan')).toMatchObject({ totalSteps: planned.steps.total, tokensPerEpoch: planned.tokenEpochs });
    },
  );

  it('counts duplicates, overlap, cuts and lengths, and times a micro-batch', { timeout: 180_000 }, async () => {
    const dir = directory();
    await writeRun(dir, model, { hyperParameters: { epochs: 2, maxSequenceTokens: 64 } });
    const long = { kind: 'completion', prompt: 'Long?', completion: 'y'.repeat(300) };
    await appendFile(path.join(dir, 'train.jsonl'), `${JSON.stringify(records[0])}\n${JSON.stringify(long)}\n`);
    await appendFile(
      path.join(dir, 'validation.jsonl'),
      `${JSON.stringify({ kind: 'completion', prompt: 'New?', completion: 'yes' })}\n`,
    );
    const { plan: planned } = await plan(dir, '--time');
    const { training, validation, overlap } = planned.data;
    expect(training).toMatchObject({ records: 26, duplicates: 1, rows: 26, longest: 64 });
    expect(training.truncated).toBeGreaterThanOrEqual(1);
    expect(validation).toMatchObject({ records: 5, duplicates: 0, rows: 5 });
    expect(overlap).toBe(4);
    expect(training.histogram.reduce((sum, bar) => sum + bar.rows, 0)).toBe(26);
    expect(planned.tokenEpochs).toBe(2 * training.tokens);
    expect(planned.seconds).toBeGreaterThan(0);
  });

  it('refuses what does not fit and names settings that do', { timeout: 180_000 }, async () => {
    const dir = directory();
    await writeRun(dir, model, { hyperParameters: { epochs: 1, batchTokens: 1024 } });
    const { plan: free } = await plan(dir);
    // Far from what recomputing saves, since the process itself takes a few megabytes more or less each time.
    const limit = Math.floor(free.memory.total - free.memory.trainingGraph / 4);
    await changeSpec(dir, () => ({ memoryLimit: limit }));
    const { code, plan: refused, complaint } = await plan(dir);
    expect(code).toBe(1);
    expect(refused.memory).toMatchObject({ fits: false, limit, limitOf: 'spec' });
    expect(complaint).toContain('activationCheckpointing true');
    expect(refused.fitting.length).toBeGreaterThan(1);
    for (const { total } of refused.fitting) expect(total).toBeLessThanOrEqual(limit);

    expect(await run(dir)).toBe(1);
    expect(last(await events(dir), 'error')).toMatchObject({ code: 'out_of_memory' });

    const { hyperParameters } = refused.fitting[0]!;
    await changeSpec(dir, (spec) => ({
      hyperParameters: { ...spec.hyperParameters, ...hyperParameters } as RunSpec['hyperParameters'],
    }));
    await rm(path.join(dir, 'events.jsonl'));
    expect(await run(dir)).toBe(0);
  });
});

it('bars of a histogram hold every length once', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5000 })), (lengths) => {
      const bars = histogram(lengths);
      expect(bars.reduce((sum, { rows }) => sum + rows, 0)).toBe(lengths.length);
      for (const [i, { from, to }] of bars.entries()) {
        expect(to).toBeGreaterThanOrEqual(from);
        if (i > 0) expect(from).toBe(bars[i - 1]!.to + 1);
      }
    }),
  );
});
