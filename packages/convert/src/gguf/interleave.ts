/**
 * RoPE of GGUF's `llama` turns adjacent numbers of a head together, Hugging Face's turns one of the first half with
 * one of the second. So rows of q and k change their order within each head.
 */

/** Which row of the Hugging Face order is row `row` of the GGUF order, in heads of `headSize` rows. */
function interleavedRow(row: number, headSize: number): number {
  const within = row % headSize;
  return row - within + (within % 2) * (headSize / 2) + Math.floor(within / 2);
}

/** The inverse: which row of the GGUF order is row `row` of the Hugging Face order. */
function deinterleavedRow(row: number, headSize: number): number {
  const within = row % headSize;
  const half = headSize / 2;
  return row - within + (within < half ? within * 2 : (within - half) * 2 + 1);
}

/** Rows of `bytes` from one order to the other; the same bytes where the orders agree. */
export function reorderRows(
  bytes: Uint8Array,
  rows: number,
  headSize: number | undefined,
  to: 'gguf' | 'huggingface',
): Uint8Array {
  if (headSize === undefined) return bytes;
  const source = to === 'gguf' ? interleavedRow : deinterleavedRow;
  const rowBytes = bytes.byteLength / rows;
  const moved = new Uint8Array(bytes.byteLength);
  for (let row = 0; row < rows; row++) {
    const from = source(row, headSize) * rowBytes;
    moved.set(bytes.subarray(from, from + rowBytes), row * rowBytes);
  }
  return moved;
}
