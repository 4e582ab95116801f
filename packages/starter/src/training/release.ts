/** Turns a trained checkpoint (F32) into the file that ships: matrices in half precision, norms as they are. */
import {
  dequantise,
  encodeTensor,
  readGguf,
  readTensor,
  writeGguf,
  type GgufTensorSource,
  type GgufValue,
} from '@atelier/llama/gguf';

/** llama.cpp's number for "mostly F16" files. */
const mostlyF16 = 1;

/** Rewrites the GGUF file `from` as `to`, in F16 where a tensor has two dimensions. */
export async function releaseModel(from: string, to: string): Promise<void> {
  const file = await readGguf(from);
  const metadata = [...file.metadata].filter(([key]) => key !== 'general.file_type');
  const fileType: [string, GgufValue] = ['general.file_type', { type: 'UINT32', value: mostlyF16 }];
  await writeGguf(to, {
    metadata: [...metadata, fileType],
    tensors: file.tensors.map((tensor): GgufTensorSource => {
      const { name, shape, type } = tensor;
      if (shape.length === 1) return { name, shape, type, data: () => readTensor(from, tensor) };
      return {
        name,
        shape,
        type: 'F16',
        data: async () => encodeTensor('F16', dequantise(type, await readTensor(from, tensor))),
      };
    }),
  });
}
