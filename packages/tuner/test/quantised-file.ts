import { loadNative, quantise, dequantiseNative, type QuantisedType } from '@atelier/llama';
import { readGguf, readTensor, writeGguf } from '@atelier/llama/gguf';

/** Copies a model with its matrices as `type`. */
export async function quantiseFile(from: string, to: string, type: QuantisedType): Promise<void> {
  const native = loadNative({ gpu: 'off' });
  const file = await readGguf(from);
  await writeGguf(to, {
    metadata: [...file.metadata],
    tensors: file.tensors.map((tensor) => ({
      ...tensor,
      type: tensor.shape.length > 1 ? type : tensor.type,
      data: async () => {
        const bytes = await readTensor(from, tensor);
        if (tensor.shape.length === 1) return bytes;
        return quantise(native, type, dequantiseNative(native, tensor.type, bytes), tensor.shape[0]!);
      },
    })),
  });
}
