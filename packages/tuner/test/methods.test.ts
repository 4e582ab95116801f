import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readGguf } from '@atelier/llama/gguf';
import { tinyFamilies, writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSpecSchema, type RunSpec } from '../src/contract/index.ts';
import { Device } from '../src/graph/device.ts';
import { download, upload } from '../src/graph/memory.ts';
import { Weights } from '../src/models/weights.ts';
import { fillNormal, randomStream } from '../src/random.ts';
import { loraOptions, servedFile } from '../src/run/method.ts';
import { largestDifference, libllamaLogits, tunerLogits } from './model-logits.ts';

const rows = [
  [10, 200, 31, 7, 7, 99, 150, 3, 64, 12, 13, 14, 200, 31, 8],
  [300, 2, 300, 2, 300, 2, 300],
];

let directory: string;
let model: string;
let device: Device;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'tuner-methods-'));
  model = path.join(directory, 'model.gguf');
  await writeTinyModel(model, { dim: 32, ff: 64 });
  device = Device.open({ gpu: 'off', threads: 1 });
});
afterAll(async () => {
  device[Symbol.dispose]();
  await rm(directory, { recursive: true });
});

const spec = (method: RunSpec['method'], hyperParameters: object = {}): RunSpec =>
  runSpecSchema.parse({
    version: 1,
    task: 'generation',
    method,
    baseModel: model,
    train: ['train.jsonl'],
    hyperParameters: { loraRank: 4, loraAlpha: 8, ...hyperParameters },
  });

function randomise(weights: Weights): void {
  for (const [index, { value }] of weights.parameters.entries()) {
    const change = download(device, value.tensor);
    const noise = new Float32Array(change.length);
    fillNormal(noise, randomStream(5, index), 0.1);
    upload(
      device,
      value.tensor,
      change.map((number, i) => number + noise[i]!),
    );
  }
}

it.each([
  { name: 'LoRA', method: 'lora', hyperParameters: {}, file: 'adapter.gguf' },
  { name: 'rank-stabilised LoRA', method: 'lora', hyperParameters: { loraRankStabilised: true }, file: 'adapter.gguf' },
  { name: 'LoRA, head too', method: 'lora', hyperParameters: { loraTargets: ['q', 'output'] }, file: 'adapter.gguf' },
  { name: 'DoRA', method: 'dora', hyperParameters: {}, file: 'model.gguf' },
  { name: 'DoRA of the head', method: 'dora', hyperParameters: { loraTargets: ['output'] }, file: 'model.gguf' },
  { name: 'rank-stabilised DoRA', method: 'dora', hyperParameters: { loraRankStabilised: true }, file: 'model.gguf' },
] as const)('libllama serves what $name trained', async ({ name, method, hyperParameters, file: expected }) => {
  const base = await readGguf(model);
  const lora = loraOptions(spec(method, hyperParameters));
  using weights = await Weights.load(device, model, base, lora);
  // Untrained, an adapter changes nothing: magnitudes are the norms of the base.
  expect(largestDifference(tunerLogits(device, weights, rows), libllamaLogits(model, rows))).toBeLessThan(1e-3);
  randomise(weights);
  const ours = tunerLogits(device, weights, rows);
  expect(largestDifference(ours, libllamaLogits(model, rows))).toBeGreaterThan(0.05);
  const { file, write } = servedFile(device, weights, { path: model, file: base }, lora);
  expect(file).toBe(expected);
  const out = path.join(directory, `${name}.gguf`);
  await write(out);
  const theirs = file === 'adapter.gguf' ? libllamaLogits(model, rows, out) : libllamaLogits(out, rows);
  expect(largestDifference(ours, theirs)).toBeLessThan(1e-3);
});

describe.each(Object.keys(tinyFamilies) as (keyof typeof tinyFamilies)[])('%s', (family) => {
  const familyModel = async (): Promise<string> => {
    const file = path.join(directory, `${family}.gguf`);
    await writeTinyModel(file, { family, dim: 32, ff: 64 });
    return file;
  };

  it('by QLoRA is the same model but for the rounding of its weights', async () => {
    const file = await familyModel();
    const base = await readGguf(file);
    using exact = await Weights.load(device, file, base, loraOptions(spec('lora')));
    using rounded = await Weights.load(device, file, base, loraOptions(spec('qlora')));
    expect(rounded.bytes).toBeLessThan(exact.bytes);
    const [ours, theirs] = [tunerLogits(device, rounded, rows), tunerLogits(device, exact, rows)];
    const difference = largestDifference(ours, theirs);
    const largest = Math.max(
      ...theirs.map((values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)),
    );
    // Q8_0 rounds each weight by at most 0.4 % of its block's largest.
    expect(difference / largest).toBeLessThan(0.05);
    expect(difference).toBeGreaterThan(0);
  });

  it('by DoRA is served by libllama as trained', async () => {
    const file = await familyModel();
    const base = await readGguf(file);
    const lora = loraOptions(spec('dora'));
    using weights = await Weights.load(device, file, base, lora);
    randomise(weights);
    const merged = path.join(directory, `${family}-merged.gguf`);
    await servedFile(device, weights, { path: file, file: base }, lora).write(merged);
    expect(largestDifference(tunerLogits(device, weights, rows), libllamaLogits(merged, rows))).toBeLessThan(1e-3);
  });
});

describe('targets that a model does not have', () => {
  const load = async (file: string, loraTargets: string[]): Promise<unknown> =>
    Weights.load(device, file, await readGguf(file), loraOptions(spec('lora', { loraTargets })));

  it('are refused', async () => {
    const tied = path.join(directory, 'tied.gguf');
    await writeTinyModel(tied, { dim: 32, ff: 64, tied: true });
    await expect(load(tied, ['q', 'output'])).rejects.toThrow('loraTargets: output: this model has no output head');
    const ungated = path.join(directory, 'ungated.gguf');
    await writeTinyModel(ungated, { dim: 32, ff: 64, family: 'gpt2' });
    await expect(load(ungated, ['gate'])).rejects.toThrow('gate');
  });
});
