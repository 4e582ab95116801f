/** What each method trains, and the file that its checkpoints give to whoever serves them. */
import type { GgufFile } from '@atelier/llama/gguf';
import type { RunSpec } from '../contract/index.ts';
import type { Device } from '../graph/device.ts';
import type { LoraOptions, Parameter, Weights } from '../models/weights.ts';
import type { TrainedHead } from '../objectives/objective.ts';
import type { BatchOptions } from './batch-program.ts';
import { writeAdapter, writeModel } from './export.ts';

/** The adapter that a run trains; undefined when it trains the weights themselves. */
export function loraOptions({ method, seed, hyperParameters: h }: RunSpec): LoraOptions | undefined {
  if (method === 'full') return undefined;
  return {
    rank: h.loraRank,
    alpha: h.loraAlpha,
    targets: h.loraTargets,
    seed,
    rankStabilised: h.loraRankStabilised,
    magnitudes: method === 'dora',
    ...(method === 'qlora' && { quantization: h.quantization }),
  };
}

/** What llama.cpp is told: it divides alpha by the rank. */
export function servedAlpha({ alpha, rank, rankStabilised }: LoraOptions): number {
  return rankStabilised ? alpha * Math.sqrt(rank) : alpha;
}

/** llama.cpp's adapters cannot say what DoRA has trained. */
export function adapterIsServed({ method }: Pick<RunSpec, 'method'>): boolean {
  return method === 'lora' || method === 'qlora';
}

/** `adapter.gguf` where llama.cpp's adapters can say what was trained, else `model.gguf`, and how it is written. */
export function servedFile(
  device: Device,
  weights: Weights,
  base: { path: string; file: GgufFile },
  lora: LoraOptions | undefined,
): { file: string; write: (to: string) => Promise<void> } {
  return lora && !lora.magnitudes
    ? { file: 'adapter.gguf', write: (to) => writeAdapter(device, weights, servedAlpha(lora), to) }
    : { file: 'model.gguf', write: (to) => writeModel(device, weights, base.path, base.file, to) };
}

/** A task with a head of its own does not reach the model's output head. */
export function trainedParameters(weights: Weights, head: TrainedHead | undefined): readonly Parameter[] {
  if (!head) return weights.parameters;
  return [...weights.parameters.filter(({ name }) => !name.startsWith('output.')), ...head.parameters];
}

/** How the run's graphs are built. */
export function graphOptions({ method, hyperParameters: h }: RunSpec): Omit<BatchOptions, 'train'> {
  return {
    recompute: h.activationCheckpointing,
    dropout: method === 'full' ? 0 : h.loraDropout,
    noise: h.neftuneAlpha,
  };
}
