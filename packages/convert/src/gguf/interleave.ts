/**
 * RoPE of GGUF's `llama` turns adjacent numbers of a head together, Hugging Face's turns one of the first half with
 * one of the second. So rows of q and k change their order within each head.
 */

/** Which row of the Hugging Face order is row `row` of the GGUF order, in heads of `headSize` rows. */
export function interleavedRow(row: number, headSize: number): number {
  const within = row % headSize;
  return row - within + (within % 2) * (headSize / 2) + Math.floor(within / 2);
}

/** The inverse: which row of the GGUF order is row `row` of the Hugging Face order. */
export function deinterleavedRow(row: number, headSize: number): number {
  const within = row % headSize;
  const half = headSize / 2;
  return row - within + (within < half ? within * 2 : (within - half) * 2 + 1);
}
