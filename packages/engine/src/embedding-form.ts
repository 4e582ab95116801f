import { AtelierError } from '@atelier/errors';
import type { Vector, VectorForm } from './encode-request.ts';

export type EmbeddingForm = { dimensions: number | undefined; normalise: boolean; form: VectorForm };

/**
 * A pooled hidden state as an embedding: cut to its first `dimensions` numbers, then divided by its length, then in
 * smaller numbers. With x a number of the vector, which is from -1 to 1:
 * `int8` is 127 x rounded to the nearest integer, `uint8` the same plus 128, `ubinary` one bit for each number that says
 * whether x > 0, eight to a byte with the first in the highest bit and the last byte filled up with zeros, `binary` the
 * same bytes minus 128. Throws `invalid_request` for more dimensions than there are.
 */
export function embeddingIn(
  hidden: Float32Array,
  { dimensions = hidden.length, normalise, form }: EmbeddingForm,
): Vector {
  if (dimensions > hidden.length) {
    throw new AtelierError('invalid_request', { reason: `dimensions: the model's vectors have ${hidden.length}` });
  }
  const cut = hidden.slice(0, dimensions);
  const vector = normalise ? normalised(cut) : cut;
  switch (form) {
    case 'float':
      return vector;
    case 'int8':
      return Int8Array.from(vector, (x) => Math.round(127 * x));
    case 'uint8':
      return Uint8Array.from(vector, (x) => Math.round(127 * x) + 128);
    case 'ubinary':
      return signBits(vector);
    case 'binary':
      return Int8Array.from(signBits(vector), (byte) => byte - 128);
  }
}

/** A vector of zeros stays what it is. */
export function normalised(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return length > 0 ? vector.map((x) => x / length) : vector;
}

function signBits(vector: Float32Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(vector.length / 8));
  for (const [index, x] of vector.entries()) if (x > 0) bytes[index >> 3]! |= 0x80 >> (index & 7);
  return bytes;
}
