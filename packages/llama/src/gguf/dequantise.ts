/// <reference lib="esnext.float16" />
import { AtelierError } from '@atelier/errors';
import { type GgmlType, ggmlTypes } from './tensor-types.ts';

/** Types that `dequantise` knows; `dequantiseNative` of @atelier/llama knows them all. */
export const plainTypes = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0'] as const satisfies GgmlType[];

/**
 * Stored tensor bytes as 32-bit floats, in file order. Block layouts follow ggml's `block_q8_0` and `block_q4_0`:
 * a 16-bit float scale, then 32 signed bytes, or 16 bytes of which the low halves come first.
 */
export function dequantise(type: GgmlType, bytes: Uint8Array): Float32Array {
  const { blockElements, blockBytes } = ggmlTypes[type];
  if (bytes.byteLength % blockBytes !== 0) {
    throw new RangeError(`${bytes.byteLength} bytes are not whole blocks of ${type}`);
  }
  // Typed arrays need aligned starts, which a slice of a file does not have.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  const { buffer, byteOffset } = aligned;
  const blocks = bytes.byteLength / blockBytes;
  switch (type) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, blocks).slice();
    case 'F16':
      return new Float32Array(new Float16Array(buffer, byteOffset, blocks));
    case 'BF16':
      return fromBf16(new Uint16Array(buffer, byteOffset, blocks));
    case 'Q8_0':
    case 'Q4_0': {
      const values = new Float32Array(blocks * blockElements);
      const view = new DataView(buffer, byteOffset, bytes.byteLength);
      const unpack = type === 'Q8_0' ? unpackQ8 : unpackQ4;
      for (let block = 0; block < blocks; block++) unpack(view, block * blockBytes, values, block * blockElements);
      return values;
    }
    default:
      throw new AtelierError('invalid_request', {
        reason: `Tensors of type ${type} need the native library to be read`,
      });
  }
}

function fromBf16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  // A plain loop: `from` with a function takes twenty times as long.
  for (let index = 0; index < bits.length; index++) bits[index] = (halves[index] ?? 0) << 16;
  return new Float32Array(bits.buffer);
}

function unpackQ8(view: DataView, from: number, values: Float32Array, to: number): void {
  const scale = view.getFloat16(from, true);
  for (let index = 0; index < 32; index++) values[to + index] = scale * view.getInt8(from + 2 + index);
}

function unpackQ4(view: DataView, from: number, values: Float32Array, to: number): void {
  const scale = view.getFloat16(from, true);
  for (let index = 0; index < 16; index++) {
    const pair = view.getUint8(from + 2 + index);
    values[to + index] = scale * ((pair & 15) - 8);
    values[to + 16 + index] = scale * ((pair >> 4) - 8);
  }
}
