/** The file that a checkpoint gives to whoever serves it. */
import { encodeTensor, readTensor, writeGguf, type GgufFile } from '@atelier/llama/gguf';
import type { Device } from '../graph/device.ts';
import { download } from '../graph/memory.ts';
import type { Weights } from '../models/weights.ts';
import { mergedMatrix } from './merge.ts';

/** A LoRA adapter as llama.cpp loads it (keys as in its llama-adapter.cpp). */
export async function writeAdapter(device: Device, weights: Weights, alpha: number, path: string): Promise<void> {
  await writeGguf(path, {
    metadata: [
      ['general.architecture', { type: 'STRING', value: weights.config.architecture }],
      ['general.type', { type: 'STRING', value: 'adapter' }],
      ['adapter.type', { type: 'STRING', value: 'lora' }],
      ['adapter.lora.alpha', { type: 'FLOAT32', value: alpha }],
    ],
    tensors: weights.parameters.map(({ name, value }) => ({
      name,
      shape: [...value.shape],
      type: 'F32' as const,
      data: () => new Uint8Array(download(device, value.tensor).buffer),
    })),
  });
}

/**
 * The whole model with the base file's metadata, low-rank additions merged. Changed tensors keep their type when it is a
 * float type, else become F16.
 */
export async function writeModel(
  device: Device,
  weights: Weights,
  basePath: string,
  base: GgufFile,
  path: string,
): Promise<void> {
  const trained = new Map(weights.parameters.map(({ name, value }) => [name, value]));
  const changed = (name: string): (() => Float32Array) | undefined => {
    const value = trained.get(name);
    if (value) return () => download(device, value.tensor);
    const lowRank = weights.lowRank(name);
    return lowRank && (() => mergedMatrix(device, weights.get(name), lowRank));
  };
  await writeGguf(path, {
    metadata: [...base.metadata.entries()],
    tensors: base.tensors.map((tensor) => {
      const numbers = changed(tensor.name);
      if (!numbers)
        return {
          name: tensor.name,
          shape: [...tensor.shape],
          type: tensor.type,
          data: () => readTensor(basePath, tensor),
        };
      const type = tensor.type === 'F32' || tensor.type === 'BF16' ? tensor.type : 'F16';
      return {
        name: tensor.name,
        shape: [...tensor.shape],
        type,
        data: () => encodeTensor(type, numbers()),
      };
    }),
  });
}
