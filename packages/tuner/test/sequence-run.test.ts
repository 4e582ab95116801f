import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAtelierError } from '@atelier/errors';
import { parseHead } from '@atelier/data';
import { loadNative } from '@atelier/llama';
import { readGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSpecSchema, taskSettingsSchema, type RunEvent } from '../src/contract/index.ts';
import { Device } from '../src/graph/device.ts';
import { Weights } from '../src/models/weights.ts';
import { createObjective } from '../src/objectives/create-objective.ts';
import { spearman } from '../src/objectives/statistics.ts';
import { chatTemplate, ended, events, last, run, start, writeRun } from './run-directory.ts';
import { sequenceRecords, taskOf, writeSequenceRecords, type SequenceTask } from './sequence-records.ts';

let root: string;
let model: string;
let next = 0;
beforeAll(async () => {
  loadNative({ gpu: 'off' });
  root = await mkdtemp(path.join(tmpdir(), 'tuner-sequence-'));
  model = path.join(root, 'tiny.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64, chatTemplate });
});
afterAll(() => rm(root, { recursive: true }));

type Change = Parameters<typeof writeRun>[2];

async function prepare(task: SequenceTask, { hyperParameters, ...change }: Change): Promise<string> {
  const dir = path.join(root, `run-${next++}`);
  await writeRun(dir, model, {
    task: taskOf(task),
    ...change,
    hyperParameters: { epochs: 12, batchTokens: 96, learningRate: 1e-2, schedule: 'constant', ...hyperParameters },
  });
  await writeSequenceRecords(dir, sequenceRecords[task]);
  return dir;
}

/** Every byte that someone may use: of each checkpoint, the file that is served and the head beside it. */
async function results(dir: string): Promise<string[]> {
  const checkpoints = new Map<number, Extract<RunEvent, { type: 'checkpoint' }>>();
  for (const event of await events(dir)) if (event.type === 'checkpoint') checkpoints.set(event.step, event);
  return [...checkpoints.values()].map(({ step, sha256, head }) => `${step} ${sha256} ${head?.sha256}`);
}

const wanted: Record<SequenceTask, (event: Extract<RunEvent, { type: 'validation' }>) => void> = {
  classification({ accuracy, macroF1 }) {
    expect(accuracy).toBeGreaterThan(0.9);
    expect(macroF1).toBeGreaterThan(0.9);
  },
  regression({ spearman: rank, meanAbsoluteError }) {
    expect(rank).toBeGreaterThan(0.9);
    // Of grams and legs; the mean alone would be 375 away.
    expect(meanAbsoluteError).toBeLessThan(150);
  },
  embedding: ({ accuracy }) => expect(accuracy).toBeGreaterThan(0.9),
  scored: ({ spearman: rank }) => expect(rank).toBeGreaterThan(0.8),
  reward: ({ accuracy }) => expect(accuracy).toBe(1),
};

describe.each([
  { task: 'classification', method: 'lora', pooling: 'last' },
  { task: 'regression', method: 'full', pooling: 'mean' },
  { task: 'embedding', method: 'lora', pooling: 'mean' },
  { task: 'scored', method: 'full', pooling: 'last' },
  { task: 'reward', method: 'lora', pooling: 'mean' },
] as const)('$task by $method', ({ task, method, pooling }) => {
  const change: Change = {
    method,
    taskSettings: taskSettingsSchema.parse({ pooling, temperature: 0.2 }),
    hyperParameters: { checkpointSteps: 10, ...(method === 'full' ? { learningRate: 3e-3 } : { loraDropout: 0.05 }) },
  };
  let reference: string[];

  it('learns, and leaves a head beside what is served', { timeout: 120_000 }, async () => {
    const dir = await prepare(task, change);
    expect(await run(dir)).toBe(0);
    const all = await events(dir);
    const plan = last(all, 'plan')!;
    expect(plan).toMatchObject({ rows: sequenceRecords[task].length, supervisedTokensPerEpoch: plan.rows });
    const validations = all.filter((event) => event.type === 'validation');
    expect(validations.at(-1)!.loss).toBeLessThan(all.find((event) => event.type === 'step')!.loss / 2);
    expect(validations.at(-1)!.rows).toBe(plan.rows);
    wanted[task](validations.at(-1)!);
    const checkpoint = last(all, 'checkpoint')!;
    const text = await readFile(path.join(dir, checkpoint.path, 'head.json'), 'utf8');
    expect(checkpoint.head).toMatchObject({ file: 'head.json', bytes: text.length });
    expect(parseHead(text, 'head.json')).toMatchObject({ task: taskOf(task), pooling, width: 32 });
    reference = await results(dir);
  });

  it('ends with the same bytes when it is killed and resumed', { timeout: 120_000 }, async () => {
    const dir = await prepare(task, change);
    const child = start(dir);
    while (!last(await events(dir), 'checkpoint')) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    // It may have been done already; then this says that a second run gives the same.
    expect([0, 137]).toContain(await ended(child));
    expect(await run(dir, '--resume')).toBe(0);
    expect(await results(dir)).toEqual(reference);
  });
});

it(
  'begins at the shares of the labels, so that rare ones do not flatten the model below first',
  {
    timeout: 120_000,
  },
  async () => {
    const dir = await prepare('classification', { hyperParameters: { steps: 1, batchTokens: 1024 } });
    const texts = ['ant', 'bee', 'cat', 'dog', 'emu', 'fox', 'gnu', 'hen'];
    await writeSequenceRecords(
      dir,
      texts.map((text, index) => ({ kind: 'labelled', text, labels: { traits: index === 0 ? ['rare'] : [] } })),
    );
    expect(await run(dir)).toBe(0);
    const share = 1.5 / 9;
    const { loss } = last(await events(dir), 'step')!;
    expect(loss).toBeCloseTo(-(Math.log(share) + 7 * Math.log(1 - share)) / 8, 4);
  },
);

describe('what a run cannot be', () => {
  const labelled = (labels: object): object => ({ kind: 'labelled', text: 'a', labels });
  const cases: { name: string; spec: object; records: object[]; code: string; names: string }[] = [
    {
      name: 'generation on labels',
      spec: { task: 'generation' },
      records: [labelled({ a: 'x' })],
      code: 'invalid_dataset',
      names: 'kind: is labelled',
    },
    {
      name: 'classes of texts',
      spec: { task: 'classification' },
      records: [{ kind: 'text', text: 'a' }],
      code: 'invalid_dataset',
      names: 'kind: is text',
    },
    {
      name: 'rewards of pairs',
      spec: { task: 'reward' },
      records: [{ kind: 'pair', first: 'a', second: 'b' }],
      code: 'invalid_dataset',
      names: 'kind: is pair',
    },
    {
      name: 'one class',
      spec: { task: 'classification' },
      records: [labelled({ a: 'x' })],
      code: 'invalid_request',
      names: 'labels',
    },
    {
      name: 'a class unknown to the spec',
      spec: { task: 'classification', taskSettings: { targets: [{ name: 'a', labels: ['y', 'z'] }] } },
      records: [labelled({ a: 'x' })],
      code: 'invalid_dataset',
      names: 'Line 1, field labels.a',
    },
    {
      name: 'two classes of one',
      spec: { task: 'classification', taskSettings: { targets: [{ name: 'a', lossFunction: 'softmax' }] } },
      records: [labelled({ a: 'x' }), labelled({ a: ['x', 'y'] })],
      code: 'invalid_dataset',
      names: 'Line 2, field labels.a',
    },
    {
      name: 'a class for a number',
      spec: { task: 'regression' },
      records: [labelled({ a: 1 }), labelled({ a: 'x' })],
      code: 'invalid_dataset',
      names: 'Line 2, field labels.a',
    },
    {
      name: 'a number for a class',
      spec: { task: 'classification' },
      records: [labelled({ a: 1 })],
      code: 'invalid_dataset',
      names: 'Line 1, field labels.a',
    },
    {
      name: 'a number beyond measure',
      spec: { task: 'regression' },
      records: [labelled({ a: 1e300 })],
      code: 'invalid_dataset',
      names: 'Line 1, field labels.a',
    },
    {
      name: 'labels of a regression',
      spec: { task: 'regression', taskSettings: { targets: [{ name: 'a', labels: ['x', 'y'] }] } },
      records: [labelled({ a: 1 })],
      code: 'invalid_request',
      names: 'taskSettings.targets.0.labels',
    },
    {
      name: 'a target twice',
      spec: { task: 'regression', taskSettings: { targets: [{ name: 'a' }, { name: 'a' }] } },
      records: [labelled({ a: 1 })],
      code: 'invalid_request',
      names: 'taskSettings.targets.1.name',
    },
    {
      name: 'nothing labelled',
      spec: { task: 'classification' },
      records: [labelled({})],
      code: 'training_failed',
      names: 'no record has a label',
    },
    {
      name: 'some scores',
      spec: { task: 'embedding' },
      records: [
        { kind: 'pair', first: 'a', second: 'b', score: 1 },
        { kind: 'pair', first: 'a', second: 'b' },
      ],
      code: 'invalid_dataset',
      names: 'Line 2, field score',
    },
    {
      name: 'an empty text',
      spec: { task: 'embedding' },
      records: [{ kind: 'pair', first: 'a', second: '' }],
      code: 'invalid_dataset',
      names: 'Line 1, field text',
    },
  ];

  async function attempt(spec: object, records: readonly object[]): Promise<unknown> {
    const dir = path.join(root, `bad-${next++}`);
    await writeRun(dir, model, {});
    await writeSequenceRecords(dir, records);
    using device = Device.open({ gpu: 'off', threads: 1 });
    const base = await readGguf(model);
    using weights = await Weights.load(device, model, base);
    const parsed = runSpecSchema.parse({
      version: 1,
      method: 'full',
      baseModel: model,
      train: ['train.jsonl'],
      ...spec,
    });
    try {
      const objective = await createObjective({
        spec: parsed,
        device,
        weights,
        baseModel: model,
        base,
        train: [path.join(dir, 'train.jsonl')],
        validation: [],
        limit: 64,
        now: 0,
      });
      objective.head?.[Symbol.dispose]();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  it.each(cases)('$name', async ({ spec, records, code, names }) => {
    const error = await attempt(spec, records);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).toContain(names);
  });

  it('is said by the run itself, in the spec as well', async () => {
    const dir = await prepare('classification', {});
    const spec = JSON.parse(await readFile(path.join(dir, 'spec.json'), 'utf8'));
    spec.taskSettings.pooling = 'max';
    await writeFile(path.join(dir, 'spec.json'), JSON.stringify(spec));
    expect(await run(dir)).toBe(1);
    expect(last(await events(dir), 'error')).toMatchObject({ code: 'invalid_request' });
    expect(last(await events(dir), 'error')!.message).toContain('taskSettings.pooling');
  });

  it('is trained or refused with a known error, whatever the labels and targets', { timeout: 120_000 }, async () => {
    const name = fc.constantFrom('a', 'b', '__proto__', 'toString', 'ü');
    const value = fc.oneof(
      fc.constantFrom('x', 'y', ''),
      fc.array(fc.constantFrom('x', 'y')),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.dictionary(fc.constantFrom('x', 'y', 'constructor'), fc.constantFrom(0, 1)),
    );
    const records = fc.array(
      fc.record({
        kind: fc.constant('labelled'),
        text: fc.constantFrom('a', 'b', ''),
        labels: fc.dictionary(name, value),
      }),
      { minLength: 1, maxLength: 4 },
    );
    const targets = fc.option(
      fc.array(
        fc.record(
          {
            name,
            labels: fc.array(fc.constantFrom('x', 'y'), { minLength: 1 }),
            lossFunction: fc.constantFrom('softmax', 'sigmoid'),
          },
          { requiredKeys: ['name'] },
        ),
        { minLength: 1, maxLength: 3 },
      ),
      { nil: undefined },
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('classification', 'regression'), records, targets, async (task, rows, given) => {
        const error = await attempt({ task, taskSettings: given ? { targets: given } : {} }, rows);
        if (error !== undefined) expect(isAtelierError(error), String(error)).toBe(true);
      }),
      { numRuns: 60, seed: 3 },
    );
  });
});

it("Spearman's correlation knows order, ties and constants", () => {
  expect(spearman([1, 2, 3], [10, 200, 201])).toBeCloseTo(1, 12);
  expect(spearman([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
  expect(spearman([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(0.9486832980505138, 12);
  expect(spearman([1, 1, 1], [1, 2, 3])).toBe(0);
});
