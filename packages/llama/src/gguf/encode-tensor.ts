/// <reference lib="esnext.float16" />
/** Types that floats are stored as without blocks. */
export type FloatType = 'F32' | 'F16' | 'BF16';

/** Floats as stored bytes, rounded to nearest, ties to even. */
export function encodeTensor(type: FloatType, values: Float32Array): Uint8Array {
  if (type === 'F32') return new Uint8Array(values.slice().buffer);
  if (type === 'F16') return new Uint8Array(new Float16Array(values).buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(bits.length);
  // A plain loop: `from` with a function takes twenty times as long.
  for (let index = 0; index < bits.length; index++) halves[index] = roundToBf16(bits[index] ?? 0);
  return new Uint8Array(halves.buffer);
}

function roundToBf16(bits: number): number {
  // Rounding up the bits of a NaN could make it an infinity; a quiet NaN keeps its sign and payload.
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 64;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
