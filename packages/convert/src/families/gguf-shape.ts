import { type GgufFile, MetadataReader } from '@atelier/llama/gguf';
import { invalidFile } from '../invalid-file.ts';
import type { ModelShape } from './family.ts';

/** The shape of the model in a GGUF file, for the rules that name its tensors. Throws `invalid_model_file`. */
export function shapeOfGguf(path: string, file: GgufFile): ModelShape {
  const metadata = new MetadataReader(file.metadata, path);
  const architecture = metadata.requireString('general.architecture');
  const number = (key: string): number => metadata.requireNumber(`${architecture}.${key}`);
  const optional = (key: string): number | undefined => metadata.number(`${architecture}.${key}`);
  const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const width = number('embedding_length');
  const heads = number('attention.head_count');
  const shape = {
    layers: number('block_count'),
    width,
    heads,
    kvHeads: optional('attention.head_count_kv') ?? heads,
    headSize: optional('attention.key_length') ?? width / heads,
    feedForward: number('feed_forward_length'),
    vocabulary: tensors.get('token_embd.weight')?.shape[1] ?? 0,
    context: number('context_length'),
    tied: !tensors.has('output.weight'),
    biases: {
      qkv: tensors.has('blk.0.attn_q.bias') || tensors.has('blk.0.attn_qkv.bias'),
      output: tensors.has('blk.0.attn_output.bias'),
      feedForward: tensors.has('blk.0.ffn_up.bias'),
    },
    tokenTypes: tensors.get('token_types.weight')?.shape[1] ?? 0,
  };
  const counts = [shape.layers, shape.heads, shape.kvHeads, shape.headSize, shape.vocabulary];
  if (!counts.every((value) => Number.isInteger(value) && value >= 1) || shape.layers > 512)
    throw invalidFile(path, `its ${shape.layers} layers with ${heads} heads of ${shape.headSize} are not a model`);
  return shape;
}
