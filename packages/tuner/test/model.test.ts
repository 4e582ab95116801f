import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encodeTensor, readGguf, readTensor, writeGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/graph/device.ts';
import { download } from '../src/graph/memory.ts';
import { Weights, type LoraOptions } from '../src/models/weights.ts';
import { nextTokenLoss } from '../src/objectives/generation.ts';
import { BatchProgram } from '../src/run/batch-program.ts';
import { writeAdapter } from '../src/run/export.ts';
import { supervisedBatch, gradientErrors, layout, randomiseAdapter, rows } from './model-gradients.ts';
import { largestDifference, libllamaLogits, tunerLogits } from './model-logits.ts';

const lora: LoraOptions = { rank: 4, alpha: 8, targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'], seed: 3 };
const headToo: LoraOptions = { ...lora, targets: [...lora.targets, 'output'] };
let directory: string;
let device: Device;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'tuner-'));
  device = Device.open({ gpu: 'off', threads: 1 });
});
afterAll(async () => {
  device[Symbol.dispose]();
  await rm(directory, { recursive: true });
});

async function model(name: string, options: Parameters<typeof writeTinyModel>[1]): Promise<string> {
  const file = path.join(directory, `${name}.gguf`);
  await writeTinyModel(file, options);
  return file;
}

describe('the forward pass', () => {
  it.each([
    { name: 'grouped queries, tied head', options: { heads: 4, kvHeads: 2, tied: true } },
    { name: 'plain attention, own head', options: { heads: 4, kvHeads: 4, tied: false } },
    { name: 'one key head, four layers', options: { heads: 4, kvHeads: 1, layers: 4, dim: 32, ff: 96 } },
  ])('agrees with libllama: $name', async ({ name, options }) => {
    const file = await model(name, options);
    using weights = await Weights.load(device, file, await readGguf(file));
    expect(largestDifference(tunerLogits(device, weights, rows), libllamaLogits(file, rows))).toBeLessThan(1e-3);
  });

  it.each(['linear scaling', 'frequency factors'])(
    'agrees with libllama: rotary embedding with %s',
    async (variant) => {
      const plain = await model('plain', {});
      const base = await readGguf(plain);
      const file = path.join(directory, `${variant.replace(' ', '-')}.gguf`);
      const scaling = variant === 'linear scaling';
      const factors = Float32Array.from({ length: 8 }, (_, i) => 1 + i);
      await writeGguf(file, {
        metadata: [
          ...base.metadata,
          ...(scaling
            ? ([
                ['llama.rope.scaling.type', { type: 'STRING', value: 'linear' }],
                ['llama.rope.scaling.factor', { type: 'FLOAT32', value: 4 }],
              ] as const)
            : []),
        ].map(([key, value]) => [key, value]),
        tensors: [
          ...base.tensors.map((tensor) => ({ ...tensor, data: () => readTensor(plain, tensor) })),
          ...(scaling
            ? []
            : [
                {
                  name: 'rope_freqs.weight',
                  shape: [8],
                  type: 'F32' as const,
                  data: () => encodeTensor('F32', factors),
                },
              ]),
        ],
      });
      using weights = await Weights.load(device, file, await readGguf(file));
      const ours = tunerLogits(device, weights, rows);
      expect(largestDifference(ours, libllamaLogits(file, rows))).toBeLessThan(1e-3);
      expect(largestDifference(ours, libllamaLogits(plain, rows))).toBeGreaterThan(1e-3);
    },
  );

  it('agrees with libllama on the exported adapter', async () => {
    const file = await model('adapted', { seed: 2 });
    using weights = await Weights.load(device, file, await readGguf(file), lora);
    randomiseAdapter(device, weights);
    const adapter = path.join(directory, 'adapter.gguf');
    await writeAdapter(device, weights, lora.alpha, adapter);
    const ours = tunerLogits(device, weights, rows);
    expect(largestDifference(ours, libllamaLogits(file, rows, adapter))).toBeLessThan(1e-3);
    expect(largestDifference(ours, libllamaLogits(file, rows))).toBeGreaterThan(0.01);
  });
});

describe('the gradient of the whole model', () => {
  it.each([
    { method: 'full, tied head', tied: true, adapter: undefined, recompute: false, blas: true },
    { method: 'full, own head', tied: false, adapter: undefined, recompute: false, blas: true },
    { method: 'full, recomputed', tied: true, adapter: undefined, recompute: true, blas: true },
    { method: 'LoRA, head too', tied: false, adapter: headToo, recompute: false, blas: true },
    { method: 'LoRA', tied: true, adapter: lora, recompute: false, blas: true },
    { method: 'LoRA, recomputed', tied: true, adapter: lora, recompute: true, blas: true },
    { method: 'full, no BLAS', tied: true, adapter: undefined, recompute: false, blas: false },
    { method: 'LoRA, no BLAS', tied: true, adapter: lora, recompute: false, blas: false },
  ])('agrees with central differences: $method', async ({ tied, adapter, recompute, blas }) => {
    const file = await model(`gradient-${tied}`, { dim: 32, ff: 64, tied });
    using own = Device.open({ gpu: 'off', threads: 1, blas });
    using weights = await Weights.load(own, file, await readGguf(file), adapter);
    if (adapter) randomiseAdapter(own, weights);
    for (const [name, error] of gradientErrors(own, weights, { recompute })) expect(error, name).toBeLessThan(0.05);
  });

  it('is the same with and without recomputing, and with dropout at the same seeds', async () => {
    const file = await model('same', { dim: 32, ff: 64 });
    const gradients = await Promise.all(
      [false, true].map(async (recompute) => {
        using weights = await Weights.load(device, file, await readGguf(file), lora);
        randomiseAdapter(device, weights);
        using program = new BatchProgram(device, weights, nextTokenLoss, layout, {
          train: true,
          recompute,
          dropout: 0.3,
        });
        weights.clearGradients();
        program.run(supervisedBatch(), 1, 2, 3);
        return weights.parameters.map(({ value }) => download(device, value.gradientSum));
      }),
    );
    expect(largestDifference(gradients[0]!, gradients[1]!)).toBeLessThan(1e-4);
  });
});
