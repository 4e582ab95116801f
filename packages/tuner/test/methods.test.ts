import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
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

it.each([
  { name: 'LoRA', method: 'lora', hyperParameters: {}, file: 'adapter.gguf' },
  { name: 'rank-stabilised LoRA', method: 'lora', hyperParameters: { loraRankStabilised: true }, file: 'adapter.gguf' },
  { name: 'DoRA', method: 'dora', hyperParameters: {}, file: 'model.gguf' },
  { name: 'rank-stabilised DoRA', method: 'dora', hyperParameters: { loraRankStabilised: true }, file: 'model.gguf' },
] as const)('libllama serves what $name trained', async ({ name, method, hyperParameters, file: expected }) => {
  const base = await readGguf(model);
  const lora = loraOptions(spec(method, hyperParameters));
  using weights = await Weights.load(device, model, base, lora);
  // Untrained, an adapter changes nothing: magnitudes are the norms of the base.
  expect(largestDifference(tunerLogits(device, weights, rows), libllamaLogits(model, rows))).toBeLessThan(1e-3);
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
  const ours = tunerLogits(device, weights, rows);
  expect(largestDifference(ours, libllamaLogits(model, rows))).toBeGreaterThan(0.05);
  const { file, write } = servedFile(device, weights, { path: model, file: base }, lora);
  expect(file).toBe(expected);
  const out = path.join(directory, `${name}.gguf`);
  await write(out);
  const theirs = file === 'adapter.gguf' ? libllamaLogits(model, rows, out) : libllamaLogits(out, rows);
  expect(largestDifference(ours, theirs)).toBeLessThan(1e-3);
});
