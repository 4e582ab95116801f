import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { neftune } from '../src/run/batch-program.ts';
import { randomStream } from '../src/random.ts';
import { DivergenceWatch, pastEvents, ValidationWatch } from '../src/run/watch.ts';
import { chatTemplate, events, last, run, writeRun } from './run-directory.ts';

let root: string;
let model: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'tuner-watch-'));
  model = path.join(root, 'tiny.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64, layers: 1, chatTemplate });
});
afterAll(() => rm(root, { recursive: true }));

describe('divergence', () => {
  const calm = (watch: DivergenceWatch): DivergenceWatch => {
    for (let step = 1; step <= 20; step++) expect(watch.add(step, 2 - step / 20, 1)).toBeUndefined();
    return watch;
  };

  it('is three steps in a row of exploding norms and rising loss', () => {
    const watch = calm(new DivergenceWatch(100));
    expect(watch.add(21, 3, 500)).toBeUndefined();
    expect(watch.suspicious).toBe(true);
    expect(watch.add(22, 5, 5000)).toBeUndefined();
    expect(watch.add(23, 9, 50_000)).toContain('100 times its median 1');
    expect(watch.lastGoodStep).toBe(20);
  });

  it('is not one wild batch, nor large gradients of a falling loss', () => {
    const watch = calm(new DivergenceWatch(100));
    for (let step = 21; step < 60; step++) {
      expect(watch.add(step, step % 3 === 0 ? 3 : 0.5, step % 3 === 0 ? 1000 : 1)).toBeUndefined();
    }
    for (let step = 60; step < 70; step++) expect(watch.add(step, 0.4, 1000)).toBeUndefined();
  });

  it('is any number that is none, and only that with the factor 0', () => {
    const watch = calm(new DivergenceWatch(0));
    for (let step = 21; step < 30; step++) expect(watch.add(step, 100, 1e9)).toBeUndefined();
    expect(watch.add(30, Number.NaN, 1)).toContain('step 30');
    expect(watch.add(30, 1, Infinity)).toContain('Infinity');
  });

  it('fails a run and keeps its last good checkpoint, to go on from', { timeout: 120_000 }, async () => {
    const directory = path.join(root, 'diverging');
    await writeRun(directory, model, {
      method: 'full',
      // Without clipping, and with a rate that rises until the model flies apart.
      hyperParameters: {
        optimizer: 'sgd',
        learningRate: 10,
        warmupSteps: 200,
        steps: 200,
        maxGradientNorm: 0,
        checkpointSteps: 5,
        batchTokens: 128,
        divergenceFactor: 5,
      },
    });
    expect(await run(directory)).toBe(1);
    const all = await events(directory);
    const error = last(all, 'error')!;
    expect(error.message).toContain('diverged');
    const good = error.details['lastGoodStep'] as number;
    expect(good).toBeGreaterThan(0);
    expect(existsSync(path.join(directory, 'checkpoints', String(good), 'state.gguf'))).toBe(true);
    expect(existsSync(path.join(directory, 'checkpoints', String(good), 'model.gguf'))).toBe(true);
    expect(await run(directory, '--resume')).toBe(1);
    expect(last(await events(directory), 'plan')!.resumedFrom).toBeGreaterThanOrEqual(good);
  });
});

describe('early stopping', () => {
  it('counts validations that are not better by the least difference', () => {
    const watch = new ValidationWatch(0.1);
    expect([2, 1.95, 1.8, 1.79, 1.75].map((loss, i) => watch.add(i, loss))).toEqual([true, true, true, true, true]);
    expect(watch.withoutImprovement).toBe(2);
    expect(watch.bestStep).toBe(4);
    expect(watch.add(5, 1.9)).toBe(false);
    expect(watch.bestStep).toBe(4);
    expect(watch.at(4)).toEqual({ loss: 1.75, best: true });
  });

  it('reads each past step once, as last reported', () => {
    const step = (number: number, loss: number) => ({
      type: 'validation' as const,
      at: 0,
      step: number,
      loss,
      best: true,
    });
    const past = [step(1, 3), step(2, 4), step(1, 5), step(3, 6)];
    expect(pastEvents(past, 'validation', 2).map(({ loss }) => loss)).toEqual([5, 4]);
  });

  it('ends a run that gets worse, with its best checkpoint kept and marked', { timeout: 120_000 }, async () => {
    const directory = path.join(root, 'early');
    await writeRun(directory, model, {
      hyperParameters: {
        learningRate: 5e-2,
        schedule: 'constant',
        steps: 400,
        batchTokens: 128,
        validationSteps: 3,
        checkpointSteps: 1000,
        earlyStoppingPatience: 2,
      },
    });
    expect(await run(directory)).toBe(0);
    const all = await events(directory);
    const stop = last(all, 'early-stop')!;
    const validations = all.filter((event) => event.type === 'validation');
    expect(stop.step).toBeLessThan(400);
    expect(validations.at(-1)!.step).toBe(stop.step);
    const lowest = validations.reduce((best, event) => (event.loss < best.loss ? event : best));
    expect(stop).toMatchObject({ bestStep: lowest.step, bestLoss: lowest.loss });
    expect(validations.filter(({ step }) => step > lowest.step).length).toBe(2);
    const checkpoint = all.findLast((event) => event.type === 'checkpoint' && event.best)!;
    expect(checkpoint).toMatchObject({ step: lowest.step, validationLoss: lowest.loss });
    expect(existsSync(path.join(directory, 'checkpoints', String(lowest.step), 'adapter.gguf'))).toBe(true);
    expect(last(all, 'state')!.state).toBe('succeeded');
  });
});

it('noise on embeddings is bounded by the length of its row', () => {
  // Rows of 3 and 5 tokens in the first bin; one of 8 in the second.
  const positions = Int32Array.from([0, 1, 2, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7]);
  const width = 200;
  const noise = neftune(5, positions, 8, width, randomStream(1));
  const largest = (from: number, to: number): number =>
    noise.slice(from * width, to * width).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const [from, to] of [
    [0, 3],
    [3, 8],
    [8, 16],
  ] as const) {
    const bound = 5 / Math.sqrt((to - from) * width);
    expect(largest(from, to)).toBeLessThanOrEqual(bound);
    expect(largest(from, to)).toBeGreaterThan(0.95 * bound);
  }
});
