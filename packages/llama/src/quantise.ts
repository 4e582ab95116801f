import { AtelierError } from '@atelier/errors';
import { checkInteger, invalid } from './arguments.ts';
import { dequantise, plainTypes } from './gguf/dequantise.ts';
import { type GgmlType, ggmlTypes } from './gguf/tensor-types.ts';
import type { Native } from './native/native.ts';
import type { Pointer } from './native/pointer.ts';

type ToFloat = (x: Uint8Array, y: Float32Array, k: number) => void;

/** Stored tensor bytes of any type as 32-bit floats, by the native library where TypeScript does not know the type. */
export function dequantiseNative(native: Native, type: GgmlType, bytes: Uint8Array): Float32Array {
  if ((plainTypes as readonly GgmlType[]).includes(type)) return dequantise(type, bytes);
  const { id, blockElements, blockBytes } = ggmlTypes[type];
  if (bytes.byteLength % blockBytes !== 0) throw invalid(`${bytes.byteLength} bytes are not whole blocks of ${type}`);
  const toFloat = native.decode('ggml_type_traits', native.c.ggml_get_type_traits(id)).to_float;
  if (toFloat === null)
    throw new AtelierError('invalid_request', { reason: `Tensors of type ${type} cannot be read as floats` });
  const values = new Float32Array((bytes.byteLength / blockBytes) * blockElements);
  // The callback's type says what C passes; called from here it takes arrays as well.
  const convert = native.functionAt(toFloat as Pointer<'ggml_to_float_t'>, 'ggml_to_float_t') as unknown as ToFloat;
  convert(bytes, values, values.length);
  return values;
}

/** Types that `quantise` makes without statistics about the activations. */
export type QuantisedType = Exclude<GgmlType, `IQ${string}` | `I${number}` | 'F64' | 'Q8_1' | 'Q8_K'>;

/**
 * Floats as stored bytes of a type, in rows of `rowLength` numbers, each of whole blocks.
 * Throws `invalid_request` for lengths that do not fit.
 */
export function quantise(native: Native, type: QuantisedType, values: Float32Array, rowLength: number): Uint8Array {
  const { id, blockElements, blockBytes } = ggmlTypes[type];
  checkInteger('rowLength', rowLength, 1, values.length);
  if (rowLength % blockElements !== 0 || values.length % rowLength !== 0) {
    throw invalid(`${values.length} numbers are not rows of ${rowLength} in blocks of ${blockElements}`);
  }
  const bytes = new Uint8Array((values.length / blockElements) * blockBytes);
  const written = native.c.ggml_quantize_chunk(id, values, bytes, 0, values.length / rowLength, rowLength, null);
  if (written !== bytes.byteLength) throw invalid(`numbers could not be stored as ${type}`);
  return bytes;
}
