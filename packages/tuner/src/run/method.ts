/** What each method trains, and the file that its checkpoints give to whoever serves them. */
import type { GgufFile } from '@atelier/llama/gguf';
import type { RunSpec } from '../contract/index.ts';
import type { Device } from '../graph/device.ts';
import type { LoraOptions, Weights } from '../models/weights.ts';
import { writeAdapter, writeModel } from './export.ts';

/** The adapter that a run trains; undefined when it trains the weights themselves. */
export function loraOptions({ method, seed, hyperParameters: h }: RunSpec): LoraOptions | undefined {
  if (method === 'full') return undefined;
  return {
    rank: h.loraRank,
    alpha: h.loraAlpha,
    targets: h.loraTargets,
    seed,
    ...(method === 'qlora' && { quantization: h.quantization }),
  };
}

/** `adapter.gguf` for methods that leave the base as it is, else `model.gguf`, and how it is written. */
export function servedFile(
  device: Device,
  weights: Weights,
  base: { path: string; file: GgufFile },
  lora: LoraOptions | undefined,
): { file: string; write: (to: string) => Promise<void> } {
  return lora
    ? { file: 'adapter.gguf', write: (to) => writeAdapter(device, weights, lora.alpha, to) }
    : { file: 'model.gguf', write: (to) => writeModel(device, weights, base.path, base.file, to) };
}
