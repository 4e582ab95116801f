/** An adapter written into the weights of its base model, which may change its type on the way. */
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { dequantiseNative, loadNative, type QuantisedType } from '@atelier/llama';
import {
  type GgmlType,
  type GgufFile,
  type GgufTensor,
  type GgufTensorSource,
  MetadataReader,
  readGguf,
  writeGguf,
} from '@atelier/llama/gguf';
import { adapterScale, type AdapterPair, isEmbedding, readAdapter } from '../adapter/read-adapter.ts';
import { readFloats, readRows } from '../adapter/read-floats.ts';
import type { Metadata } from '../families/family.ts';
import { isMatrix, modelTypes, type ModelTypeName, storedType } from '../gguf/model-types.ts';
import { storeFloats } from '../gguf/store-floats.ts';
import { invalidFile } from '../invalid-file.ts';
import { chunkBytes } from '../limits.ts';
import { counted, type Report } from '../progress.ts';

export interface MergeOptions {
  /** What matrices are stored as; by default each as the base stores it. */
  type?: ModelTypeName | undefined;
  report?: Report | undefined;
  signal?: AbortSignal | undefined;
}

/** The pair of a tensor with its numbers. */
interface Delta {
  a: Float32Array;
  b: Float32Array;
  rank: number;
  scale: number;
  /** Of the token embedding the two change places. */
  flipped: boolean;
}

/**
 * Writes the GGUF model `to`: each matrix W of the base becomes W + scale·B·A. Tensors that neither the adapter nor
 * the type changes are copied to the byte. Throws `invalid_model_file` when adapter and base do not belong together.
 */
export async function mergeAdapter(
  basePath: string,
  adapterPath: string,
  to: string,
  options: MergeOptions = {},
): Promise<void> {
  if ([basePath, adapterPath].some((source) => path.resolve(source) === path.resolve(to)))
    throw new AtelierError('invalid_request', { reason: 'The merged model would replace what it is made from' });
  const base = await readGguf(basePath);
  const metadata = new MetadataReader(base.metadata, basePath);
  if ((metadata.number('split.count') ?? 0) > 1) throw invalidFile(basePath, 'it is one part of a split model');
  const adapter = await readAdapter(adapterPath, basePath, base);
  const architecture = metadata.requireString('general.architecture');
  const layers = metadata.requireNumber(`${architecture}.block_count`);
  const tied = !base.tensors.some(({ name }) => name === 'output.weight');
  const pairs = new Map(adapter.pairs.map((pair) => [pair.name, pair]));
  if (tied && pairs.has('token_embd.weight'))
    throw invalidFile(adapterPath, 'it changes an embedding that is the output head as well, which it does not change');
  const tensors = base.tensors.map((tensor): GgufTensorSource => {
    const pair = pairs.get(tensor.name);
    const changes = options.type !== undefined && isMatrix(tensor.name, tensor.shape);
    const type = changes
      ? storedType(options.type as ModelTypeName, tensor.name, tensor.shape, layers, tied)
      : tensor.type;
    if ((pair || type !== tensor.type) && !canBeMade(type))
      throw new AtelierError('invalid_request', {
        reason: `Tensor ${tensor.name} is stored as ${type}, which cannot be made here; choose a type`,
      });
    const data = async (): Promise<AsyncIterable<Uint8Array>> => {
      if (!pair && type === tensor.type) return copied(basePath, tensor);
      const delta = pair && (await readDelta(adapterPath, pair, adapter.alpha));
      return changed(basePath, tensor, type as QuantisedType, delta);
    };
    return { name: tensor.name, shape: tensor.shape, type, data };
  });
  const content = { metadata: metadataOf(base, options.type), tensors: counted(tensors, options.report) };
  await writeGguf(to, content, options.signal);
}

function metadataOf(base: GgufFile, type: ModelTypeName | undefined): Metadata {
  if (type === undefined) return [...base.metadata];
  const replaced: Metadata = [
    ['general.file_type', { type: 'UINT32', value: modelTypes[type].fileType }],
    ['general.quantization_version', { type: 'UINT32', value: 2 }],
  ];
  const keys = new Set(replaced.map(([key]) => key));
  return [...[...base.metadata].filter(([key]) => !keys.has(key)), ...replaced];
}

/** Importance-weighted types need statistics that nobody has at this point; the others are whole numbers. */
function canBeMade(type: GgmlType): type is QuantisedType {
  return !/^(IQ|I\d|F64|Q8_1|Q8_K)/.test(type);
}

async function* copied(file: string, tensor: GgufTensor): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of readRows(file, tensor, chunkBytes)) yield bytes;
}

async function* changed(
  file: string,
  tensor: GgufTensor,
  type: QuantisedType,
  delta: Delta | undefined,
): AsyncGenerator<Uint8Array> {
  const rowLength = tensor.shape[0] ?? 1;
  const native = loadNative();
  // Quantised rows are a fraction of the floats that they become.
  const share = tensor.byteLength / (4 * tensor.shape.reduce((product, size) => product * size, 1));
  for await (const { row, rows, bytes } of readRows(file, tensor, chunkBytes * share)) {
    const floats = dequantiseNative(native, tensor.type, bytes);
    if (delta) addDelta(floats, rowLength, row, rows, delta);
    yield storeFloats(type, floats, rowLength, tensor.name);
  }
}

async function readDelta(file: string, pair: AdapterPair, alpha: number): Promise<Delta> {
  const { a, b, rank } = pair;
  const scale = adapterScale(alpha, rank);
  return { a: await readFloats(file, a), b: await readFloats(file, b), rank, scale, flipped: isEmbedding(pair.name) };
}

/** Adds rows `first` to `first + rows` of scale·B·A to `floats`, summing each number in double precision. */
function addDelta(floats: Float32Array, rowLength: number, first: number, rows: number, delta: Delta): void {
  const { rank, scale, flipped } = delta;
  const sums = new Float64Array(rowLength);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = scale * ((flipped ? delta.a : delta.b)[(first + row) * rank + k] ?? 0);
      if (flipped) for (let i = 0; i < rowLength; i++) sums[i]! += factor * (delta.b[i * rank + k] ?? 0);
      else for (let i = 0; i < rowLength; i++) sums[i]! += factor * (delta.a[k * rowLength + i] ?? 0);
    }
    for (let i = 0; i < rowLength; i++) floats[row * rowLength + i]! += sums[i] ?? 0;
  }
}
