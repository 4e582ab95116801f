/** Models of random weights as large as real ones, written without ever being in memory. */
import { rm } from 'node:fs/promises';
import { encodeTensor, readGguf, writeGguf } from '@atelier/llama/gguf';
import { writeTinyModel } from '@atelier/llama/testing';
import type { Shape } from './shapes.ts';

/** Random numbers that are written again and again: what they are changes no product's time. */
const blockElements = 1 << 20;

/** A Llama of that shape in F16 with its embedding as output head. */
export async function writeRandomModel(file: string, shape: Shape): Promise<void> {
  const { width, layers, heads, kvHeads, feedForward, vocabulary, length } = shape;
  const small = `${file}.small`;
  await writeTinyModel(small, { dim: 32, ff: 32, layers: 1, vocabSize: vocabulary, tied: true });
  const { metadata } = await readGguf(small);
  await rm(small);
  const sizes: Record<string, number> = {
    context_length: length,
    embedding_length: width,
    block_count: layers,
    feed_forward_length: feedForward,
    'attention.head_count': heads,
    'attention.head_count_kv': kvHeads,
    'rope.dimension_count': width / heads,
  };
  for (const [key, value] of Object.entries(sizes)) metadata.set(`llama.${key}`, { type: 'UINT32', value });

  const ones = (name: string) => ({
    name,
    shape: [width],
    type: 'F32' as const,
    data: () => encodeTensor('F32', new Float32Array(width).fill(1)),
  });
  const matrix = (name: string, inputs: number, outputs: number) => ({
    name,
    shape: [inputs, outputs],
    type: 'F16' as const,
    data: () => randomHalves(inputs * outputs, 1 / Math.sqrt(inputs)),
  });
  const key = (width / heads) * kvHeads;
  const layer = (index: number) => [
    ones(`blk.${index}.attn_norm.weight`),
    matrix(`blk.${index}.attn_q.weight`, width, width),
    matrix(`blk.${index}.attn_k.weight`, width, key),
    matrix(`blk.${index}.attn_v.weight`, width, key),
    matrix(`blk.${index}.attn_output.weight`, width, width),
    ones(`blk.${index}.ffn_norm.weight`),
    matrix(`blk.${index}.ffn_gate.weight`, width, feedForward),
    matrix(`blk.${index}.ffn_up.weight`, width, feedForward),
    matrix(`blk.${index}.ffn_down.weight`, feedForward, width),
  ];
  await writeGguf(file, {
    metadata: [...metadata],
    tensors: [
      matrix('token_embd.weight', width, vocabulary),
      ones('output_norm.weight'),
      ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
    ],
  });
}

async function* randomHalves(count: number, deviation: number): AsyncGenerator<Uint8Array> {
  // Uniform numbers of that deviation.
  const numbers = Float32Array.from(
    { length: Math.min(count, blockElements) },
    () => (Math.random() - 0.5) * deviation * 12 ** 0.5,
  );
  const block = encodeTensor('F16', numbers);
  for (let left = count * 2; left > 0; left -= block.length) yield block.subarray(0, Math.min(left, block.length));
}
