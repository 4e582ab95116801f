/**
 * Matrix products of the graph. With a BLAS they are placeholder nodes: ggml plans their memory like any other node's, and
 * the executor computes them by sgemm between stretches of ggml nodes. Without one, and on a GPU, they become ggml's own
 * operators (see `products-on-ggml.ts`).
 */
import type { Tensor } from './operators.ts';

/**
 * One row-major `C = alpha * op(A) op(B) + beta * C`: op(A) is m x k, op(B) k x n; `at` are offsets in elements from the
 * tensors' first, `ld` the distance between rows. The arguments of cblas_sgemm (netlib.org/blas, level 3).
 */
export type Gemm = {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly beta: 0 | 1;
  readonly a: { readonly at: number; readonly ld: number };
  readonly b: { readonly at: number; readonly ld: number };
  readonly c: { readonly at: number; readonly ld: number };
};

/** A placeholder node and the products that fill it. */
export type Product = {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly output: Tensor;
  readonly gemms: readonly Gemm[];
};
