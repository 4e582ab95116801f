import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readGguf } from '@atelier/llama/gguf';
import { tinyFamilies, writeTinyModel, type TinyModelOptions } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/graph/device.ts';
import { Weights, type LoraOptions } from '../src/models/weights.ts';
import { writeAdapter } from '../src/run/export.ts';
import { gradientErrors, randomiseAdapter, rows } from './model-gradients.ts';
import { largestDifference, libllamaLogits, tunerLogits } from './model-logits.ts';

type Family = keyof typeof tinyFamilies;
const families = Object.keys(tinyFamilies) as Family[];
const lora: LoraOptions = { rank: 4, alpha: 8, targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'], seed: 3 };

let directory: string;
let device: Device;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'families-'));
  device = Device.open({ gpu: 'off', threads: 1 });
});
afterAll(async () => {
  device[Symbol.dispose]();
  await rm(directory, { recursive: true });
});

async function model(options: TinyModelOptions): Promise<string> {
  const file = path.join(directory, `${Math.random()}.gguf`);
  await writeTinyModel(file, { dim: 32, ff: 64, ...options });
  return file;
}

async function outputs(file: string): Promise<Float32Array[]> {
  using weights = await Weights.load(device, file, await readGguf(file));
  return tunerLogits(device, weights, rows);
}

describe.each(families)('%s', (family) => {
  it('gives what libllama gives', async () => {
    const file = await model({ family });
    expect(largestDifference(await outputs(file), libllamaLogits(file, rows))).toBeLessThan(1e-3);
  });

  it('gives what libllama gives with the adapter that it writes', async () => {
    const file = await model({ family });
    using weights = await Weights.load(device, file, await readGguf(file), lora);
    randomiseAdapter(device, weights);
    const adapter = path.join(directory, `${family}-adapter.gguf`);
    await writeAdapter(device, weights, lora.alpha, adapter);
    const ours = tunerLogits(device, weights, rows);
    expect(largestDifference(ours, libllamaLogits(file, rows, adapter))).toBeLessThan(1e-3);
    expect(largestDifference(ours, libllamaLogits(file, rows))).toBeGreaterThan(0.01);
  });

  it('has the gradient that central differences give', async () => {
    const file = await model({ family, layers: 2, dim: 16, ff: 24 });
    using weights = await Weights.load(device, file, await readGguf(file));
    // ggml looks gelu up in a table of half-precision numbers, which a small step would drown in.
    const step = weights.config.traits.activation === 'swiglu' ? 2e-2 : 6e-2;
    for (const [name, error] of gradientErrors(device, weights, { step })) expect(error, name).toBeLessThan(0.05);
  });
});
