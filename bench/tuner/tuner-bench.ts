/**
 * Ours beside PyTorch in turns: full and LoRA on equal dense batches, LoRA on the quickstart's rows as each side's users
 * would batch them (packed; padded). QLoRA and DoRA stand beside PyTorch's LoRA in F32. With llama.cpp's llama-finetune on PATH (or LLAMA_FINETUNE), its full fine-tuning too.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeTinyModel } from '@atelier/llama/testing';
import { runSpecSchema, type RunSpec } from '@atelier/tuner/contract';
import { committedTokenizer } from '@atelier/starter';
import { denseBatches } from './dense-batches.ts';
import { gpuBench } from './gpu-bench.ts';
import { finetuneSpeed } from './llama-finetune.ts';
import { bestSgemmRate } from './sgemm-rate.ts';
import { shapes, type Shape } from './shapes.ts';
import { Worker } from './worker.ts';

export type Row = { tokens: number[]; weights: number[] };
export type Settings = {
  model: Shape;
  modelFile: string;
  method: RunSpec['method'];
  /** What ours keeps the frozen matrices in; absent: F32, as PyTorch always does. */
  quantization?: RunSpec['hyperParameters']['quantization'];
  /** Absent: the CPU. */
  gpu?: RunSpec['gpu'];
  rank: number;
  alpha: number;
  threads: number;
  batchTokens: number;
  /** Rows of each of the reference's batches; ours packs the same rows. */
  batches: Row[][];
};

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const python = process.env['PYTHON'] ?? '/usr/bin/python3';

export async function tunerBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      steps: { type: 'string', default: '4' },
      shape: { type: 'string', default: 'starter' },
      /** Only works whose name holds this. */
      only: { type: 'string', default: '' },
      /** cuda, vulkan or metal: LoRA there, beside Hugging Face PEFT (docs/guide/gpu.md). */
      gpu: { type: 'string', default: 'off' },
      /** Where large models are written; the system's temporary directory otherwise. */
      directory: { type: 'string' },
      /** On a machine that others use too, one thread each compares more fairly than all. */
      threads: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const shape = shapes[values.shape];
  if (!shape) throw new RangeError(`--shape is one of ${Object.keys(shapes).join(', ')}`);
  const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
  const threads = Number(values.threads);
  const gpu = runSpecSchema.shape.gpu.parse(values.gpu);
  if (gpu !== 'off') {
    const { shape: name, only, directory } = values;
    return gpuBench({ gpu, name, shape, rounds, steps, only, threads, directory });
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'tuner-bench-'));
  try {
    const modelFile = path.join(directory, 'model.gguf');
    await writeTinyModel(modelFile, {
      dim: shape.width,
      layers: shape.layers,
      heads: shape.heads,
      kvHeads: shape.kvHeads,
      ff: shape.feedForward,
      vocabSize: shape.vocabulary,
      tied: true,
      context: 1024,
    });
    const rate = bestSgemmRate(threads);
    console.log(
      `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model}, ${threads} threads; best sgemm ${rate ? `${rate.toFixed(0)} GFLOP/s` : 'none: no BLAS'}`,
    );
    console.log(`${values.shape}: ${JSON.stringify(shape)}\n`);
    const base = { model: shape, modelFile, rank: 16, alpha: 32, threads, batchTokens: shape.length * shape.bins };
    const dense = denseBatches(shape);
    const real = await realBatches();
    console.log(
      '| work | ours tokens/s | PyTorch tokens/s | ratio | ratio per processor second | ours without BLAS | ratio | memory ours / PyTorch | share of sgemm |',
    );
    console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
    for (const [work, how, batches] of [
      ['full, dense', { method: 'full' }, dense],
      ['LoRA, dense', { method: 'lora' }, dense],
      ['QLoRA Q8_0, dense', { method: 'qlora', quantization: 'q8_0' }, dense],
      ['QLoRA Q4_K, dense', { method: 'qlora', quantization: 'q4_k' }, dense],
      ['DoRA, dense', { method: 'dora' }, dense],
      ['LoRA, support desk', { method: 'lora' }, real],
    ] as const) {
      if (!work.includes(values.only)) continue;
      const settings: Settings = { ...base, ...how, batches: batches.map((batch) => [...batch]) };
      const ours = new Worker('ours', process.execPath, [here('ours.ts')], { ...settings, blas: true });
      const plain = new Worker('ours without BLAS', process.execPath, [here('ours.ts')], { ...settings, blas: false });
      const torch = existsSync(python) ? new Worker('PyTorch', python, [here('reference.py')], settings) : undefined;
      const workers = [ours, ...(torch ? [torch] : []), plain];
      for (let round = 0; round <= rounds; round++) for (const worker of workers) await worker.turn(steps, round > 0);
      for (const worker of workers) await worker[Symbol.asyncDispose]();
      const share =
        rate && batches === dense
          ? `${((100 * ours.speed * flopsPerToken(shape, how.method)) / rate / 1e9).toFixed(0)} %`
          : '';
      const ratio = (worker: Worker): string => (torch ? (worker.speed / torch.speed).toFixed(2) : '');
      const megabytes = (worker: Worker | undefined): string =>
        worker ? `${Math.round(worker.peakBytes / 1e6)} MB` : '-';
      console.log(
        `| ${work} | ${ours.speed.toFixed(0)} | ${torch?.speed.toFixed(0) ?? '-'} | ${ratio(ours)} | ${torch ? (ours.thrift / torch.thrift).toFixed(2) : ''} | ${plain.speed.toFixed(0)} | ${ratio(plain)} | ${megabytes(ours)} / ${megabytes(torch)} | ${share} |`,
      );
    }
    const finetune = await finetuneSpeed(modelFile, threads);
    console.log(
      finetune === undefined
        ? '\nllama-finetune is not here: skipped.'
        : `\nllama-finetune, full: ${finetune.toFixed(0)} tokens/s`,
    );
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The support desk's rows in its own chat form, 32 to a batch, in the file's order. */
async function realBatches(): Promise<Row[][]> {
  const tokenizer = await committedTokenizer();
  const text = await readFile(here('../../examples/support-desk/train.jsonl'), 'utf8');
  const rows = text
    .trim()
    .split('\n')
    .map((line) => {
      const { prompt, completion } = JSON.parse(line) as { prompt: string; completion: string };
      const before = tokenizer.encode(`<|im_start|>user\n${prompt}<|im_end|>\n<|im_start|>assistant\n`, {
        parseSpecial: true,
      });
      const after = tokenizer.encode(`${completion}<|im_end|>`, { parseSpecial: true });
      return { tokens: [...before, ...after], weights: [...before.map(() => 0), ...after.map(() => 1)] };
    });
  const batches: Row[][] = [];
  for (let i = 0; i < rows.length; i += 32) batches.push(rows.slice(i, i + 32));
  return batches;
}

/**
 * Floating-point operations of a training step for one token: 2 for each weight it meets going forward, as many for its
 * gradient going back, and as many again for the weights that are trained; attention likewise over its bin.
 */
function flopsPerToken(shape: Shape, method: RunSpec['method']): number {
  const head = shape.width / shape.heads;
  const layer = shape.width * (2 * shape.width + 2 * shape.kvHeads * head) + 3 * shape.width * shape.feedForward;
  const weights = shape.layers * layer + shape.width * shape.vocabulary;
  const attention = 2 * shape.layers * shape.length * shape.width;
  return (method === 'full' ? 6 : 4) * weights + 6 * attention;
}
