/**
 * Reads frozen matrices that stay in memory the way their file stores them (F16, BF16 or any quantised type). Products need
 * F32, so rows are unpacked a chunk at a time into memory that the graph's plan gives to the next chunk: what is ever
 * expanded is 16 MiB, or an eighth of the largest matrix. ggml_get_rows unpacks every type, on several threads and on GPUs.
 *
 * Measured on 2 cores at 512 and 2,048 rows (docs/benchmarks): unpacking and sgemm takes 0 to 5 % more than sgemm on F32, and
 * at most as long as ggml's own product on quantised weights, which also rounds the activations to 8 bits.
 */
import { ggmlTypes } from '@atelier/llama/gguf';
import type { Tensor } from './operators.ts';
import type { Tape } from './tape.ts';
import type { Value } from './value.ts';

/** F32 numbers in a chunk: 16 MiB, small beside a batch's activations and large enough for sgemm's full rate. */
const chunkElements = 1 << 22;

/** A larger matrix has larger chunks rather than more: each is several nodes of a graph, which holds only so many. */
const mostChunks = 8;

/** Rows `from` to `from + rows` of a matrix, as F32. */
export type Chunk = { readonly tensor: Tensor; readonly from: number; readonly rows: number };

/** Rows in a chunk of a matrix of `rows` rows of `width` numbers. */
export function unpackedRows(width: number, rows: number): number {
  return Math.min(rows, Math.max(1, Math.floor(chunkElements / width), Math.ceil(rows / mostChunks)));
}

/** The matrix in chunks, in order; the matrix itself as the only one when it is F32 already. */
export function* unpacked(tape: Tape, matrix: Value): Generator<Chunk> {
  const [width = 0, rows = 1] = matrix.shape;
  if (!matrix.stored) {
    yield { tensor: matrix.tensor, from: 0, rows };
    return;
  }
  const { c, context } = tape;
  const { type, indices } = matrix.stored;
  const { blockBytes, blockElements } = ggmlTypes[type];
  const rowBytes = (width / blockElements) * blockBytes;
  const most = unpackedRows(width, rows);
  for (let from = 0; from < rows; from += most) {
    const count = Math.min(most, rows - from);
    const part = c.ggml_view_2d(context, matrix.tensor, width, count, rowBytes, from * rowBytes);
    const chosen = c.ggml_view_1d(context, indices, count, 0);
    yield { tensor: c.ggml_get_rows(context, part, chosen), from, rows: count };
  }
}
