import { rm } from 'node:fs/promises';
import { loadNative, quantise } from '@atelier/llama';
import { readGguf, readTensor, writeGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';

/** Of about 30 and 250 million parameters. */
export const modelSizes = {
  '30M': { vocabSize: 16_384, dim: 512, layers: 7, heads: 8, kvHeads: 4, ff: 1536, context: 1280 },
  '250M': { vocabSize: 32_768, dim: 1024, layers: 18, heads: 16, kvHeads: 8, ff: 2816, context: 1280 },
} as const;
export type ModelSize = keyof typeof modelSizes;

/** A model of random weights in Q8_0, every token of which has a text, so that all who serve it have text to send. */
export async function writeRandomModel(file: string, size: ModelSize): Promise<void> {
  const float = `${file}.f32`;
  await writeTinyModel(float, {
    ...modelSizes[size],
    tied: true,
    chatTemplate: '{% for message in messages %}{{ message.content }}{% endfor %}',
  });
  const { metadata, tensors } = await readGguf(float);
  const tokens = metadata.get('tokenizer.ggml.tokens')!.value as string[];
  const types = metadata.get('tokenizer.ggml.token_type')!.value as readonly number[];
  const isUnused = (token: number): boolean => tokens[token]!.startsWith('<|unused');
  metadata.set('tokenizer.ggml.tokens', {
    type: 'ARRAY',
    items: 'STRING',
    value: tokens.map((text, token) => (isUnused(token) ? `Ġw${token}` : text)),
  });
  metadata.set('tokenizer.ggml.token_type', {
    type: 'ARRAY',
    items: 'INT32',
    value: Array.from(types, (type, token) => (isUnused(token) ? 1 : type)),
  });
  const native = loadNative({ gpu: 'off' });
  await writeGguf(file, {
    metadata: [...metadata],
    tensors: tensors.map((tensor) => {
      if (tensor.shape.length < 2) return { ...tensor, data: () => readTensor(float, tensor) };
      const [rowLength = 1] = tensor.shape;
      const data = async (): Promise<Uint8Array> => {
        const bytes = await readTensor(float, tensor);
        const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
        return quantise(native, 'Q8_0', values, rowLength);
      };
      return { ...tensor, type: 'Q8_0' as const, data };
    }),
  });
  await rm(float);
}
