import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { readGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chatTemplate, ended, events, last, run, start, writeRun } from './run-directory.ts';
import { libllamaLogits, largestDifference } from './model-logits.ts';

let root: string;
let model: string;
let next = 0;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'tuner-run-'));
  model = path.join(root, 'tiny.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64, chatTemplate });
});
afterAll(() => rm(root, { recursive: true }));

const directory = (): string => path.join(root, `run-${next++}`);

describe('a run', () => {
  it.each([
    { method: 'lora', optimizer: 'adamw', file: 'adapter.gguf', learningRate: 1e-2 },
    { method: 'full', optimizer: 'adafactor', file: 'model.gguf', learningRate: 5e-3 },
    { method: 'full', optimizer: 'adamw', file: 'model.gguf', learningRate: 3e-3 },
  ] as const)(
    'learns and leaves checkpoints: $method, $optimizer',
    async ({ method, optimizer, file, learningRate: rate }) => {
      const dir = directory();
      await writeRun(dir, model, {
        method,
        hyperParameters: { optimizer, learningRate: rate, epochs: 12, loraDropout: method === 'lora' ? 0.05 : 0 },
      });
      expect(await run(dir)).toBe(0);
      const all = await events(dir);
      const steps = all.filter((event) => event.type === 'step');
      expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss * 0.8);
      expect(steps.map(({ step }) => step)).toEqual(steps.map((_, i) => i + 1));
      const plan = last(all, 'plan')!;
      expect(plan).toMatchObject({ rows: 24, resumedFrom: 0, truncatedRows: 0, totalSteps: steps.length });
      const validations = all.filter((event) => event.type === 'validation');
      expect(validations.at(-1)!.loss).toBeLessThan(validations[0]!.loss);
      const checkpoints = all.filter((event) => event.type === 'checkpoint');
      expect(checkpoints.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
      expect(last(all, 'state')!.state).toBe('succeeded');
      const result = path.join(dir, checkpoints.at(-1)!.path, file);
      expect((await readGguf(result)).tensors.length).toBeGreaterThan(0);
      const tokens = [[10, 200, 31, 7, 7, 99]];
      const before = libllamaLogits(model, tokens);
      const after = method === 'lora' ? libllamaLogits(model, tokens, result) : libllamaLogits(result, tokens);
      expect(largestDifference(before, after)).toBeGreaterThan(0.05);
    },
  );

  it('follows its steps, accumulation and checkpoint interval', async () => {
    const dir = directory();
    await writeRun(dir, model, {
      hyperParameters: { steps: 7, gradientAccumulation: 2, checkpointSteps: 3, warmupSteps: 2, schedule: 'constant' },
    });
    expect(await run(dir)).toBe(0);
    const all = await events(dir);
    expect(all.filter((event) => event.type === 'checkpoint').map(({ step }) => step)).toEqual([3, 6, 7]);
    expect(all.filter((event) => event.type === 'step').map((event) => event.learningRate)).toEqual([
      2.5e-3, 5e-3, 5e-3, 5e-3, 5e-3, 5e-3, 5e-3,
    ]);
  });

  it('takes checkpoints by a share of all steps, ten apart at least', async () => {
    const stepsOf = async (hyperParameters: object) => {
      const dir = directory();
      await writeRun(dir, model, { hyperParameters: { batchTokens: 64, ...hyperParameters } });
      expect(await run(dir)).toBe(0);
      return (await events(dir)).filter((event) => event.type === 'checkpoint').map(({ step }) => step);
    };
    expect(await stepsOf({ steps: 25, checkpointFraction: 0.1 })).toEqual([10, 20, 25]);
    expect(await stepsOf({ steps: 30, checkpointFraction: 0.4 })).toEqual([12, 24, 30]);
  });

  it('takes a part of a pass', async () => {
    const dir = directory();
    await writeRun(dir, model, { hyperParameters: { epochs: 1.5, batchTokens: 128, shuffle: false } });
    expect(await run(dir)).toBe(0);
    const all = await events(dir);
    const epochs = all.filter((event) => event.type === 'checkpoint').map(({ epoch }) => epoch);
    expect(epochs[0]).toBe(1);
    expect(epochs.length).toBe(2);
    expect(epochs[1]).toBeGreaterThanOrEqual(1.5);
    expect(epochs[1]).toBeLessThan(2);
    expect(last(all, 'step')!.step).toBe(last(all, 'plan')!.totalSteps);
  });

  it('sums micro-batches to what one larger batch gives', async () => {
    const losses = await Promise.all(
      [
        { batchTokens: 4096, gradientAccumulation: 1 },
        { batchTokens: 256, gradientAccumulation: 64 },
      ].map(async (hyperParameters) => {
        const dir = directory();
        await writeRun(dir, model, { hyperParameters: { ...hyperParameters, epochs: 4 } });
        expect(await run(dir)).toBe(0);
        return (await events(dir)).filter((event) => event.type === 'step').map(({ loss }) => loss);
      }),
    );
    expect(losses[0]!.length).toBe(4);
    for (const [i, loss] of losses[0]!.entries()) expect(losses[1]![i]).toBeCloseTo(loss, 3);
  });
});

/** Everything that a run leaves that someone may use. */
async function result(dir: string): Promise<Buffer> {
  const checkpoint = last(await events(dir), 'checkpoint')!;
  return readFile(path.join(dir, checkpoint.path, checkpoint.file));
}

describe('an interrupted run', () => {
  const hyperParameters = { epochs: 25, checkpointSteps: 4, loraDropout: 0.1, batchTokens: 128 };
  let reference: Buffer;
  beforeAll(async () => {
    const dir = directory();
    await writeRun(dir, model, { hyperParameters });
    expect(await run(dir)).toBe(0);
    reference = await result(dir);
  });

  it('ends with the same bytes however often it is killed', async () => {
    const kills = Number(process.env['TEST_KILLS'] ?? 20);
    const waits = fc.sample(fc.record({ training: fc.boolean(), ms: fc.integer({ min: 0, max: 500 }) }), {
      seed: 11,
      numRuns: kills,
    });
    const resumedFrom = new Set<number>();
    const starts = async (of: string): Promise<number> =>
      (await events(of)).filter((event) => event.type === 'plan').length;
    let dir = directory();
    await writeRun(dir, model, { hyperParameters });
    let killed = 0;
    while (killed < kills) {
      const { training, ms } = waits[killed]!;
      const before = await starts(dir);
      const child = start(dir, '--resume');
      const died = ended(child);
      while (training && child.exitCode === null && (await starts(dir)) === before) await setTimeout(5);
      await Promise.race([died, setTimeout(ms)]);
      child.kill('SIGKILL');
      const code = await died;
      for (const event of await events(dir)) if (event.type === 'plan') resumedFrom.add(event.resumedFrom);
      if (code === 137) killed++;
      else {
        expect(code).toBe(0);
        expect(await result(dir)).toEqual(reference);
        await writeRun((dir = directory()), model, { hyperParameters });
      }
    }
    expect(await run(dir, '--resume')).toBe(0);
    expect(await result(dir)).toEqual(reference);
    expect(resumedFrom.size, 'kills at different places').toBeGreaterThan(2);
  });

  it('saves on SIGTERM, exits with 75 and goes on from there', async () => {
    const dir = directory();
    await writeRun(dir, model, { hyperParameters: { ...hyperParameters, checkpointSteps: 1000, epochs: 60 } });
    const child = start(dir);
    while (!last(await events(dir), 'step')) await setTimeout(10);
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(75);
    const interrupted = last(await events(dir), 'state')!;
    expect(interrupted.state).toBe('interrupted');
    const reached = last(await events(dir), 'step')!.step;
    expect(await run(dir, '--resume')).toBe(0);
    expect(last(await events(dir), 'plan')!.resumedFrom).toBe(reached);
    expect((await events(dir)).filter((event) => event.type === 'checkpoint').length).toBe(1);
  });

  it('keeps the results of checkpoints that it is stopped right after', async () => {
    const dir = directory();
    await writeRun(dir, model, { hyperParameters: { ...hyperParameters, checkpointSteps: 1, epochs: 60 } });
    const child = start(dir);
    while (!last(await events(dir), 'checkpoint')) await setTimeout(10);
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(75);
    const checkpoints = (await events(dir)).filter((event) => event.type === 'checkpoint');
    for (const { path: folder, file, bytes } of checkpoints)
      expect((await readFile(path.join(dir, folder, file))).length).toBe(bytes);
  });

  it.each(['SIGINT', 'file'])('stops when cancelled by %s', async (by) => {
    const dir = directory();
    await writeRun(dir, model, { hyperParameters: { ...hyperParameters, epochs: 500 } });
    const child = start(dir);
    while (!last(await events(dir), 'step')) await setTimeout(10);
    if (by === 'SIGINT') child.kill('SIGINT');
    else await writeFile(path.join(dir, 'cancel'), '');
    expect(await ended(child)).toBe(130);
    expect(last(await events(dir), 'state')!.state).toBe('cancelled');
  });

  it('does not resume from a checkpoint whose state was damaged', async () => {
    const dir = directory();
    await writeRun(dir, model, { hyperParameters: { ...hyperParameters, keepStates: 3 } });
    expect(await run(dir)).toBe(0);
    const steps = (await events(dir)).filter((event) => event.type === 'checkpoint').map(({ step }) => step);
    const log = path.join(dir, 'events.jsonl');
    await writeFile(log, (await readFile(log, 'utf8')).replace(/.*"succeeded".*\n/, ''));
    const state = path.join(dir, 'checkpoints', String(steps.at(-1)), 'state.gguf');
    const bytes = await readFile(state);
    bytes[bytes.length - 5]! ^= 1;
    await writeFile(state, bytes);
    expect(await run(dir, '--resume')).toBe(0);
    expect(last(await events(dir), 'plan')!.resumedFrom).toBe(steps.at(-2));
    expect(await result(dir)).toEqual(reference);
  });
});

describe('a run that cannot be', () => {
  it.each([
    ['an unknown field', { hyperParameters: { rank: 3 } }, 'invalid_request', 'rank'],
    [
      'a number out of range',
      { hyperParameters: { learningRate: -1 } },
      'invalid_request',
      'hyperParameters.learningRate',
    ],
    [
      'missing data',
      { train: ['train.jsonl', 'absent.jsonl'] },
      'invalid_request',
      'train.1: absent.jsonl: there is no',
    ],
    ['data that is no file', { validation: ['.'] }, 'invalid_request', 'validation.0: .: it is not a regular file'],
    ['a name that no file has', { train: ['a\0b'] }, 'invalid_request', 'train.0'],
    ['a missing model', { baseModel: 'nowhere.gguf' }, 'invalid_model_file', 'nowhere.gguf'],
  ])('reports %s', async (_, change, code, names) => {
    const dir = directory();
    await writeRun(dir, model, {});
    const spec = JSON.parse(await readFile(path.join(dir, 'spec.json'), 'utf8'));
    await writeFile(
      path.join(dir, 'spec.json'),
      JSON.stringify({
        ...spec,
        ...change,
        hyperParameters: { ...spec.hyperParameters, ...('hyperParameters' in change ? change.hyperParameters : {}) },
      }),
    );
    expect(await run(dir)).toBe(1);
    const error = last(await events(dir), 'error')!;
    expect(error.code).toBe(code);
    expect(error.message).toContain(names);
    expect(last(await events(dir), 'state')!.state).toBe('failed');
  });

  it('reports a record that is not one, and a learning rate that diverges', async () => {
    const dir = directory();
    await writeRun(dir, model, {});
    await writeFile(path.join(dir, 'train.jsonl'), '{"kind":"completion","prompt":1}\n'.repeat(5000));
    expect(await run(dir)).toBe(1);
    expect(last(await events(dir), 'error')!.message).toContain('1');

    const wild = directory();
    await writeRun(wild, model, {
      method: 'full',
      hyperParameters: { learningRate: 10, weightDecay: 1, steps: 300, schedule: 'constant' },
    });
    expect(await run(wild)).toBe(1);
    expect(last(await events(wild), 'error')!).toMatchObject({ code: 'training_failed' });
  });

  it('reports a missing spec, and says that there is no such directory', async () => {
    const dir = directory();
    expect(await run(dir)).toBe(2);
    await mkdir(dir);
    expect(await run(dir)).toBe(1);
    expect(last(await events(dir), 'error')!).toMatchObject({
      code: 'invalid_request',
      message: 'spec.json: there is no such file',
    });
  });

  it('refuses to start over without --resume', async () => {
    const dir = directory();
    await mkdir(dir);
    await writeFile(path.join(dir, 'events.jsonl'), '{"at":1,"type":"state","state":"running"}\n');
    expect(await run(dir)).toBe(2);
    expect(await ended(start('', '--unknown'))).toBe(2);
  });
});
