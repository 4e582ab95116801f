import { AtelierError } from '@atelier/errors';
import { loadNative, quantise, type QuantisedType } from '@atelier/llama';
import { encodeTensor } from '@atelier/llama/gguf';

/**
 * Floats as stored bytes of a type, in rows of `rowLength`. Throws `invalid_request`, naming the tensor, when a number
 * is beyond what F16 holds: it would become an infinity.
 */
export function storeFloats(type: QuantisedType, floats: Float32Array, rowLength: number, name: string): Uint8Array {
  if (type === 'F32' || type === 'BF16') return encodeTensor(type, floats);
  // Scales of quantised blocks are 16-bit as well, but of an eighth of the range or less.
  if (type === 'F16' && floats.some((value) => Math.abs(value) >= 65_520 && Number.isFinite(value))) {
    throw new AtelierError('invalid_request', {
      reason: `Tensor ${name} holds numbers beyond the range of F16; use BF16 or F32`,
    });
  }
  return type === 'F16' ? encodeTensor(type, floats) : quantise(loadNative(), type, floats, rowLength);
}
