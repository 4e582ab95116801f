import { open } from 'node:fs/promises';
import { invalidFile } from './invalid-file.ts';
import type { GgufTensor } from './parse-tensors.ts';

/** The bytes of a tensor as the file stores them. Throws `invalid_model_file` when the file has become shorter. */
export async function readTensor(path: string, tensor: GgufTensor): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.allocUnsafeSlow(tensor.byteLength);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, tensor.offset + filled);
      if (bytesRead === 0) throw invalidFile(path, `it ends inside tensor ${tensor.name}`);
      filled += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
