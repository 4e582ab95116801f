/** A LoRA adapter as GGUF file, checked against its base model (format as in llama.cpp's llama-adapter.cpp). */
import { type GgufFile, type GgufTensor, MetadataReader, readGguf } from '@atelier/llama/gguf';
import { invalidFile, quote } from '../invalid-file.ts';

/** What the adapter adds to one tensor: `scale` times `b` by `a`. */
export interface AdapterPair {
  /** The base tensor. */
  name: string;
  /** Shape [inputs, rank]; of the token embedding [rank, vocabulary]. Fastest dimension first. */
  a: GgufTensor;
  /** Shape [rank, outputs]; of the token embedding [rank, width]. */
  b: GgufTensor;
  rank: number;
}

export interface AdapterFile {
  path: string;
  /** 0 stands for a scale of one. */
  alpha: number;
  pairs: AdapterPair[];
}

/** The scale that libllama multiplies a pair of this rank with. */
export function adapterScale(alpha: number, rank: number): number {
  return alpha === 0 ? 1 : alpha / rank;
}

/** Throws `invalid_model_file`, naming the tensor, for what is not a LoRA adapter of this base. */
export async function readAdapter(path: string, basePath: string, base: GgufFile): Promise<AdapterFile> {
  const file = await readGguf(path);
  const metadata = new MetadataReader(file.metadata, path);
  if (metadata.string('general.type') !== 'adapter' || metadata.string('adapter.type') !== 'lora')
    throw invalidFile(path, 'it is not a LoRA adapter');
  const architecture = metadata.requireString('general.architecture');
  const wanted = new MetadataReader(base.metadata, basePath).requireString('general.architecture');
  if (architecture !== wanted)
    throw invalidFile(path, `it is for the architecture ${quote(architecture)}, the model is ${quote(wanted)}`);
  if (metadata.has('adapter.alora.invocation_tokens'))
    throw invalidFile(path, 'it acts only after its invocation tokens, which cannot be written into weights');
  const alpha = metadata.number('adapter.lora.alpha') ?? 0;
  if (!Number.isFinite(alpha)) throw invalidFile(path, `adapter.lora.alpha is ${alpha}`);
  return { path, alpha, pairs: pairsOf(path, file, base) };
}

function pairsOf(path: string, file: GgufFile, base: GgufFile): AdapterPair[] {
  const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const bases = new Map(base.tensors.map((tensor) => [tensor.name, tensor]));
  const pairs: AdapterPair[] = [];
  for (const tensor of file.tensors) {
    const side = /^(.*)\.lora_([ab])$/.exec(tensor.name);
    const name = side?.[1] ?? '';
    const other = tensors.get(`${name}.lora_${side?.[2] === 'a' ? 'b' : 'a'}`);
    if (!other) throw invalidFile(path, `its tensor ${quote(tensor.name)} is not one of a pair`);
    if (side?.[2] === 'b') continue;
    const target = bases.get(name);
    if (!target) throw invalidFile(path, `its tensor ${quote(tensor.name)} has no counterpart in the model`);
    pairs.push(checkPair(path, { name, a: tensor, b: other, rank: rankOf(name, tensor) }, target));
  }
  if (pairs.length === 0) throw invalidFile(path, 'it has no tensors');
  return pairs;
}

export function isEmbedding(name: string): boolean {
  return name === 'token_embd.weight';
}

function rankOf(name: string, a: GgufTensor): number {
  return (isEmbedding(name) ? a.shape[0] : a.shape[1]) ?? 1;
}

function checkPair(path: string, pair: AdapterPair, target: GgufTensor): AdapterPair {
  const [inputs = 1, outputs = 1] = target.shape;
  const { name, a, b, rank } = pair;
  const expected = isEmbedding(name)
    ? [
        [rank, outputs],
        [rank, inputs],
      ]
    : [
        [inputs, rank],
        [rank, outputs],
      ];
  for (const [index, tensor] of [a, b].entries()) {
    // A rank of one is stored as a vector by some writers.
    const shape = tensor.shape.length === 1 ? [...tensor.shape, 1] : tensor.shape;
    if (shape.join() !== expected[index]?.join())
      throw invalidFile(
        path,
        `tensor ${tensor.name} is [${shape.join(', ')}], the model wants [${expected[index]?.join(', ')}]`,
      );
  }
  return pair;
}
