/** How a frozen model's tensors are kept in memory, and their way there from the file: a bounded part of a tensor at a time. */
import { AtelierError } from '@atelier/errors';
import { dequantiseNative, quantise, type QuantisedType } from '@atelier/llama';
import { ggmlTypes, readTensor, type GgmlType, type GgufTensor } from '@atelier/llama/gguf';
import { quantizations } from '../contract/index.ts';
import type { Device } from '../graph/device.ts';
import type { Tensor } from '../graph/operators.ts';

/** What matrices of F32, F16 or BF16 become when they are loaded; `none` leaves them as they are. */
export type Quantization = (typeof quantizations)[number];

const floatTypes: readonly GgmlType[] = ['F32', 'F16', 'BF16'];

/** Types of ggml that hold no weights, or only within its own products. */
const notNumbers = /^(I\d+|F64|Q8_1|Q8_K)$/;

/** Tables that are added to embeddings rather than multiplied: small, and F32 whatever the file has. */
const addedTables: readonly string[] = ['position_embd.weight', 'token_types.weight'];

/** Numbers converted at a time. */
const partElements = 1 << 22;

/** Types of 256 numbers a block, and the type of 32 that takes their place in rows that are no multiple of 256. */
const smallerBlocks: Partial<Record<GgmlType, QuantisedType>> = { Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' };

/**
 * The type that a frozen tensor is kept in. Vectors and small tables are F32. Matrices that the file has quantised stay so. Others become
 * `quantization`, but the embedding and the output head, which every token passes, never less than Q8_0.
 * Throws `invalid_model_file` for a type that holds no weights.
 */
export function storedType({ name, shape, type }: GgufTensor, quantization: Quantization | undefined): GgmlType {
  const [width = 1, rows = 1] = shape;
  if (notNumbers.test(type))
    throw new AtelierError('invalid_model_file', { file: name, reason: `its type is ${type}` });
  if (quantization === undefined || rows === 1 || addedTables.includes(name)) return 'F32';
  if (!floatTypes.includes(type) || quantization === 'none') return type;
  const wanted = quantization.toUpperCase() as QuantisedType;
  const everyToken = name === 'token_embd.weight' || name === 'output.weight';
  const fits = (candidate: GgmlType): boolean => width % ggmlTypes[candidate].blockElements === 0;
  const candidates = everyToken ? (['Q8_0'] as const) : ([wanted, smallerBlocks[wanted] ?? 'Q8_0'] as const);
  return candidates.find(fits) ?? 'F16';
}

/**
 * Copies a tensor of a file to the device as `type`: bytes as they are when that is how the file stores it.
 */
export async function fillTensor(
  device: Device,
  path: string,
  source: GgufTensor,
  target: Tensor,
  type: GgmlType,
): Promise<void> {
  const { c, native } = device;
  const [width = 1] = source.shape;
  const rows = source.shape.slice(1).reduce((product, size) => product * size, 1);
  const bytesOfRow = (of: GgmlType): number => (width / ggmlTypes[of].blockElements) * ggmlTypes[of].blockBytes;
  const most = Math.max(1, Math.floor(partElements / width));
  for (let from = 0; from < rows; from += most) {
    const count = Math.min(most, rows - from);
    const part = await readTensor(path, {
      ...source,
      offset: source.offset + from * bytesOfRow(source.type),
      byteLength: count * bytesOfRow(source.type),
    });
    const bytes = source.type === type ? part : convert(part);
    c.ggml_backend_tensor_set(target, bytes, from * bytesOfRow(type), bytes.byteLength);
  }

  function convert(part: Uint8Array): Uint8Array {
    const numbers = dequantiseNative(native, source.type, part);
    return type === 'F32'
      ? new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
      : quantise(native, type as QuantisedType, numbers, width);
  }
}
