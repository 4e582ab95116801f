import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DatasetRecord } from '@atelier/data';
import { applyHead, embeddingOf, encodeHead, joinHidden, parseHead, type Head } from '@atelier/data';
import { Adapter, Batch, LlamaContext, LlamaModel, loadNative } from '@atelier/llama';
import { readGguf } from '@atelier/llama/gguf';
import { writeTinyBert, writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskSettings } from '../src/contract/index.ts';
import { Device } from '../src/graph/device.ts';
import { download, upload } from '../src/graph/memory.ts';
import { elements } from '../src/graph/value.ts';
import { Weights, type LoraOptions, type Parameter } from '../src/models/weights.ts';
import { createObjective } from '../src/objectives/create-objective.ts';
import type { LossResult, Objective } from '../src/objectives/objective.ts';
import { fillNormal, randomStream } from '../src/random.ts';
import type { BatchArrays, BatchLayout } from '../src/run/batch.ts';
import { BatchProgram } from '../src/run/batch-program.ts';
import { writeAdapter } from '../src/run/export.ts';
import { chatTemplate } from './run-directory.ts';
import { sequenceRecords, specOf, writeSequenceRecords, type SequenceTask } from './sequence-records.ts';

const lora: LoraOptions = { rank: 4, alpha: 8, targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'], seed: 3 };
const tasks = Object.keys(sequenceRecords) as SequenceTask[];
const poolings = ['mean', 'last', 'cls'] as const;

let directory: string;
let model: string;
let bert: string;
beforeAll(async () => {
  loadNative({ gpu: 'off' });
  directory = await mkdtemp(path.join(tmpdir(), 'tuner-objectives-'));
  model = path.join(directory, 'tiny.gguf');
  bert = path.join(directory, 'bert.gguf');
  await writeTinyBert(bert, { dim: 32, ff: 64 });
  await writeTinyModel(model, { dim: 32, ff: 64, chatTemplate });
});
afterAll(() => rm(directory, { recursive: true }));

type Opened = { device: Device; weights: Weights; objective: Objective; parameters: readonly Parameter[] };

/** A task with its parameters, of the head too, drawn at random. */
async function open(
  task: SequenceTask,
  pooling: (typeof poolings)[number] | undefined,
  blas = true,
  file = model,
  { records = sequenceRecords[task], targets }: { records?: DatasetRecord[]; targets?: TaskSettings['targets'] } = {},
): Promise<Opened & AsyncDisposable> {
  await writeSequenceRecords(directory, records);
  const device = Device.open({ gpu: 'off', threads: 1, blas });
  const base = await readGguf(file);
  const weights = await Weights.load(device, file, base, lora);
  const objective = await createObjective({
    spec: specOf(task, file, { pooling, temperature: 0.5, targets }),
    device,
    weights,
    baseModel: file,
    base,
    train: [path.join(directory, 'train.jsonl')],
    validation: [],
    limit: 64,
    now: 0,
  });
  const parameters = [...weights.parameters, ...objective.head!.parameters];
  for (const [index, { value }] of parameters.entries()) {
    const data = new Float32Array(elements(value.shape));
    fillNormal(data, randomStream(5, index), 0.1);
    upload(device, value.tensor, data);
  }
  return {
    device,
    weights,
    objective,
    parameters,
    async [Symbol.asyncDispose]() {
      objective.head![Symbol.dispose]();
      weights[Symbol.dispose]();
      device[Symbol.dispose]();
    },
  };
}

/** Bins of two rows each, and a layout with room to spare. */
function batchOf({ objective: { training } }: Opened): { layout: BatchLayout; batch: BatchArrays } {
  const bins = training.rows.flatMap((_, i) =>
    i % 2 === 0 ? [[i, i + 1].filter((row) => row < training.rows.length)] : [],
  );
  const most = Math.max(...bins.map((bin) => bin.reduce((sum, row) => sum + training.rows[row]!.tokens, 0)));
  const wanted = training.rows.reduce((sum, row) => sum + row.wanted, 0) + 3;
  const layout = { length: Math.ceil(most / 32) * 32, bins: bins.length, wanted, rows: training.rows.length + 2 };
  return { layout, batch: training.layOut(bins, layout) };
}

function evaluate({ device, weights, objective }: Opened, layout: BatchLayout, batch: BatchArrays): LossResult {
  using program = new BatchProgram(device, weights, objective.buildLoss, layout, {
    train: false,
    recompute: false,
    dropout: 0,
  });
  return program.run(batch);
}

describe('the gradient of a task, rows packed', () => {
  it.each(
    tasks.flatMap((task) => [true, false].map((blas) => ({ task, blas, pooling: poolings[tasks.indexOf(task) % 3]! }))),
  )('agrees with central differences: $task, $pooling, BLAS $blas', async ({ task, pooling, blas }) => {
    await using opened = await open(task, pooling, blas);
    const { device, weights, objective, parameters } = opened;
    const { layout, batch } = batchOf(opened);
    using program = new BatchProgram(device, weights, objective.buildLoss, layout, {
      train: true,
      recompute: false,
      dropout: 0,
    });
    weights.clearGradients();
    objective.head!.clearGradients();
    expect(program.run(batch).loss).toBeCloseTo(evaluate(opened, layout, batch).loss, 4);
    const gradients = parameters.map(({ value }) => download(device, value.gradientSum));
    const overall = Math.max(...gradients.map((gradient) => Math.max(...gradient.map(Math.abs))));
    for (const [index, { name, value }] of parameters.entries()) {
      // The layers' own operations have their tests: every fifth of their matrices tells whether the loss reaches them.
      if (!name.startsWith('head.') && index % 5 !== 0) continue;
      const gradient = gradients[index]!;
      const largest = gradient.reduce((best, g, i) => (Math.abs(g) > Math.abs(gradient[best]!) ? i : best), 0);
      const content = download(device, value.tensor);
      const at = (offset: number): number => {
        const moved = content.slice();
        moved[largest] = content[largest]! + offset;
        upload(device, value.tensor, moved);
        return program.run(batch).loss;
      };
      const difference = (at(1e-2) - at(-1e-2)) / 2e-2;
      upload(device, value.tensor, content);
      const scale = Math.max(Math.abs(gradient[largest]!), overall / 50);
      expect(Math.abs(difference - gradient[largest]!) / scale, `${name}[${largest}]`).toBeLessThan(0.05);
    }
  });
});

describe('a row', () => {
  it.each(poolings)('is judged the same packed and alone: %s', async (pooling) => {
    await using opened = await open('classification', pooling);
    const { layout, batch } = batchOf(opened);
    const packed = evaluate(opened, layout, batch).outputs;
    for (const row of [0, 3, 5]) {
      const { tokens, wanted } = opened.objective.training.rows[row]!;
      const alone = { length: Math.ceil(tokens / 32) * 32, bins: 1, wanted, rows: 1 };
      const own = evaluate(opened, alone, opened.objective.training.layOut([[row]], alone)).outputs;
      for (const key of ['raw.0', 'raw.1']) {
        const labels = own[key]!.length;
        for (const [i, value] of own[key]!.entries()) expect(packed[key]![row * labels + i]).toBeCloseTo(value, 4);
      }
    }
  });
});

describe('targets', () => {
  it('are those of the data by name, their labels sorted, whatever the order of the records', async () => {
    const targets = [
      { name: 'size', kind: 'single', labels: ['large', 'small'] },
      { name: 'traits', kind: 'multi', labels: ['early', 'hairy', 'late'] },
    ];
    for (const records of [sequenceRecords.classification, sequenceRecords.classification.toReversed()]) {
      await using opened = await open('classification', 'last', true, model, { records });
      expect(opened.objective.head!.file().targets).toEqual(targets);
    }
  });

  it('are those of the spec where it names them, in its order, and others are left out', async () => {
    const given = [{ name: 'size', labels: ['small', 'tiny', 'large'], weight: 2 }];
    await using opened = await open('classification', 'last', true, model, { targets: given });
    expect(opened.objective.head!.file().targets).toEqual([
      { name: 'size', kind: 'single', labels: ['small', 'tiny', 'large'] },
    ]);
    // Half of the records say nothing of size.
    expect(opened.objective.training.rows.length).toBe(6);
  });

  it('count by their weights, and a record of weight 2 counts as two', async () => {
    const [first, second] = sequenceRecords.classification.filter((_, i) => i % 2 === 0);
    const twice = { ...first, weight: 2 } as DatasetRecord;
    const loss = async (records: DatasetRecord[], weight: number): Promise<number> => {
      const targets = [{ name: 'size', labels: ['small', 'large'], weight }];
      await using opened = await open('classification', 'last', true, model, { records, targets });
      const { layout, batch } = batchOf(opened);
      return evaluate(opened, layout, batch).loss / batch.weightSum;
    };
    const expected = await loss([first!, first!, second!], 1);
    expect(await loss([twice, second!], 1)).toBeCloseTo(expected, 5);
    expect(await loss([twice, second!], 3)).toBeCloseTo(3 * expected, 5);
  });
});

it('pools as the file says where the spec does not: the last of a decoder, the mean of an encoder', async () => {
  const ranked = path.join(directory, 'cls.gguf');
  await writeTinyBert(ranked, { dim: 32, ff: 64, pooling: 'cls' });
  for (const [file, pooling] of [
    [model, 'last'],
    [bert, 'mean'],
    [ranked, 'cls'],
  ] as const) {
    await using opened = await open('scored', undefined, true, file);
    expect(opened.objective.head!.file().pooling).toBe(pooling);
  }
});

describe("libllama's hidden state and head.json", () => {
  /** Pooled hidden states of token rows, joined by us and by libllama. */
  function pooled(
    file: string,
    adapterFile: string,
    pooling: (typeof poolings)[number],
    rows: readonly Int32Array[],
  ): Float32Array[] {
    using llama = LlamaModel.load(file, { gpuLayers: 0 });
    using adapter = Adapter.load(llama, adapterFile);
    const states = (['none', pooling] as const).map((way) => {
      using context = new LlamaContext(llama, {
        nCtx: 128,
        nThreads: 1,
        embeddings: true,
        pooling: way,
        flashAttention: false,
        typeK: 'F32',
        typeV: 'F32',
      });
      context.setAdapters([{ adapter }]);
      return rows.map((row) => {
        context.memory.clear();
        const batch = new Batch(loadNative(), row.length);
        for (const [position, token] of row.entries()) batch.add(token, position, 0, true);
        context.decode(batch);
        if (way === 'none')
          return joinHidden(
            pooling,
            [...row.keys()].map((i) => context.embeddings(i)),
          );
        return context.sequenceEmbedding(0).slice();
      });
    });
    for (const [row, own] of states[0]!.entries())
      for (const [i, value] of own.entries()) expect(states[1]![row]![i]).toBeCloseTo(value, 5);
    return states[0]!;
  }

  it.each([
    ...tasks
      .flatMap((task) => poolings.map((pooling) => ({ task, pooling, of: 'llama' })))
      .filter(({ task }, i) => task === 'classification' || i % 2 === 0),
    { task: 'scored' as const, pooling: 'mean' as const, of: 'bert' },
    { task: 'regression' as const, pooling: 'cls' as const, of: 'bert' },
  ])("give the trainer's own numbers to 1e-4: $task, $pooling, $of", async ({ task, pooling, of }) => {
    const file = of === 'bert' ? bert : model;
    await using opened = await open(task, pooling, true, file);
    const { objective, device, weights } = opened;
    const { layout, batch } = batchOf(opened);
    const { outputs } = evaluate(opened, layout, batch);
    const adapter = path.join(directory, 'adapter.gguf');
    await writeAdapter(device, weights, lora.alpha, adapter);
    const head = parseHead(JSON.stringify(objective.head!.file()), 'head.json');
    expect(head).toMatchObject({ pooling, width: 32 });
    expect(encodeHead(head)).toEqual(objective.head!.file());
    const sequences = sequencesOf(batch, layout);
    const vectors = pooled(file, adapter, pooling, sequences);
    check(task, head, vectors, outputs, objective);
  });

  /** Sequences of a batch, in order. */
  function sequencesOf({ tokens, positions }: BatchArrays, { length, bins }: BatchLayout): Int32Array[] {
    const sequences: Int32Array[] = [];
    for (let bin = 0; bin < bins; bin++) {
      let start = bin * length;
      for (let i = start + 1; i <= (bin + 1) * length; i++) {
        if (i < (bin + 1) * length && positions[i] !== 0) continue;
        // Padding is single positions of token 0.
        if (i - start > 1) sequences.push(tokens.slice(start, i));
        start = i;
      }
    }
    return sequences;
  }

  function check(
    task: SequenceTask,
    head: Head,
    vectors: readonly Float32Array[],
    outputs: LossResult['outputs'],
    objective: Objective,
  ): void {
    const rows = objective.training.rows.length;
    if (task === 'classification' || task === 'regression') {
      expect(vectors.length).toBe(rows);
      for (const [row, vector] of vectors.entries()) {
        for (const [index, { kind, values }] of applyHead(head, vector).entries()) {
          const raw = [...outputs[`raw.${index}`]!.subarray(row * values.length, (row + 1) * values.length)];
          const largest = Math.max(...raw);
          const total = raw.reduce((sum, value) => sum + Math.exp(value - largest), 0);
          for (const [label, value] of values.entries()) {
            const expected =
              kind === 'single'
                ? Math.exp(raw[label]! - largest) / total
                : kind === 'multi'
                  ? 1 / (1 + Math.exp(-raw[label]!))
                  : raw[label]!;
            // The scalars' unit: grams are 1000 to 3500, legs 0 and 1.
            const unit =
              kind !== 'scalar'
                ? { mean: 0, deviation: 1 }
                : index === 0
                  ? { mean: 2250, deviation: Math.sqrt(17.5 / 6) * 500 }
                  : { mean: 0.5, deviation: 0.5 };
            expect(Math.abs((value - unit.mean) / unit.deviation - expected)).toBeLessThan(1e-4);
          }
        }
      }
      return;
    }
    expect(vectors.length).toBe(2 * rows);
    for (let row = 0; row < rows; row++) {
      const [first, second] = [vectors[2 * row]!, vectors[2 * row + 1]!];
      if (task === 'reward') {
        const [chosen, rejected] = [first, second].map((vector) => applyHead(head, vector)[0]!.values[0]!);
        expect(Math.abs(chosen! - rejected! - outputs['margin']![row]!)).toBeLessThan(1e-4);
        continue;
      }
      expect(applyHead(head, first)).toEqual([]);
      const unit = vectors.map((vector) => embeddingOf(head, vector));
      const cosine = (i: number, j: number): number =>
        unit[i]!.reduce((sum, value, k) => sum + value * unit[j]![k]!, 0);
      if (task === 'scored')
        expect(Math.abs(cosine(2 * row, 2 * row + 1) - outputs['cosine']![row]!)).toBeLessThan(1e-4);
      else {
        const similarities = Array.from({ length: rows }, (_, other) => cosine(2 * row, 2 * other + 1));
        expect(similarities.indexOf(Math.max(...similarities))).toBe(outputs['nearest']![row]);
      }
    }
  }
});
