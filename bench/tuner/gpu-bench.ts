/** LoRA on a GPU beside Hugging Face PEFT on the same GPU, in turns: random weights, dense batches, every token supervised. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunSpec } from '@atelier/tuner/contract';
import { denseBatches } from './dense-batches.ts';
import { writeRandomModel } from './random-model.ts';
import type { Shape } from './shapes.ts';
import type { Settings } from './tuner-bench.ts';
import { Worker } from './worker.ts';

export type GpuBenchOptions = {
  gpu: RunSpec['gpu'];
  name: string;
  shape: Shape;
  rounds: number;
  steps: number;
  only: string;
  threads: number;
  /** Where there is room for the model's file. */
  directory: string | undefined;
};

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

export async function gpuBench({
  gpu,
  name,
  shape,
  rounds,
  steps,
  only,
  threads,
  ...rest
}: GpuBenchOptions): Promise<void> {
  const python = process.env['PYTHON'];
  const directory = await mkdtemp(path.join(rest.directory ?? tmpdir(), 'tuner-gpu-bench-'));
  try {
    const modelFile = path.join(directory, 'model.gguf');
    await writeRandomModel(modelFile, shape);
    const batches = denseBatches(shape);
    const base = {
      model: shape,
      modelFile,
      rank: 16,
      alpha: 32,
      threads,
      batchTokens: shape.length * shape.bins,
      batches,
    };
    const date = new Date().toISOString().slice(0, 10);
    console.log(`${date}, gpu ${gpu}; ${name}: ${JSON.stringify(shape)}\n`);
    // PyTorch has no Vulkan device: there the reference runs on the CPU, to show that both work.
    const device = gpu === 'cuda' ? 'cuda' : 'cpu';
    const reference = python && existsSync(python);
    if (!reference) console.log('PYTHON names no Python with torch, transformers and peft: ours alone.\n');
    console.log(`| work | device | ours tokens/s | PEFT tokens/s (${device}) | ratio | last loss |`);
    console.log('| --- | --- | --- | --- | --- | --- |');
    for (const [work, how] of [
      ['LoRA on F32', { method: 'lora' }],
      ['LoRA on F16', { method: 'qlora', quantization: 'none' }],
      ['QLoRA Q4_K', { method: 'qlora', quantization: 'q4_k' }],
    ] as const) {
      if (!work.includes(only)) continue;
      const settings: Settings = { ...base, ...how, gpu };
      const ours = new Worker('ours', process.execPath, [here('ours.ts')], { ...settings, blas: false });
      const peft = reference
        ? new Worker('PEFT', python, [here('peft_reference.py')], { ...settings, device })
        : undefined;
      const workers = [ours, ...(peft ? [peft] : [])];
      for (let round = 0; round <= rounds; round++) for (const worker of workers) await worker.turn(steps, round > 0);
      for (const worker of workers) await worker[Symbol.asyncDispose]();
      const ratio = peft ? (ours.speed / peft.speed).toFixed(2) : '';
      const { loss, backend } = ours.turns.at(-1)!;
      console.log(
        `| ${work} | ${backend} | ${ours.speed.toFixed(0)} | ${peft?.speed.toFixed(0) ?? '-'} | ${ratio} | ${loss.toFixed(3)} |`,
      );
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}
