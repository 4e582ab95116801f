import { open } from 'node:fs/promises';
import { dequantiseNative, loadNative } from '@atelier/llama';
import { type GgufTensor, readTensor } from '@atelier/llama/gguf';
import { readAt } from '../safetensors/read.ts';

/** A whole tensor of a GGUF file as floats; for tensors that are small, as those of adapters are. */
export async function readFloats(path: string, tensor: GgufTensor): Promise<Float32Array> {
  return dequantiseNative(loadNative(), tensor.type, await readTensor(path, tensor));
}

/** The stored bytes of a tensor in pieces of whole rows, about `pieceBytes` each, with the first row of each. */
export async function* readRows(
  path: string,
  tensor: GgufTensor,
  pieceBytes: number,
): AsyncGenerator<{ row: number; rows: number; bytes: Uint8Array }> {
  const total = tensor.shape.slice(1).reduce((product, size) => product * size, 1);
  const rowBytes = tensor.byteLength / total;
  const step = Math.max(1, Math.floor(pieceBytes / rowBytes));
  await using file = await open(path, 'r');
  for (let row = 0; row < total; row += step) {
    const rows = Math.min(step, total - row);
    yield { row, rows, bytes: await readAt(path, file, tensor.offset + row * rowBytes, rows * rowBytes) };
  }
}
