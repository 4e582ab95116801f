import type { GgmlType } from '@atelier/llama/gguf';
import type { Tensor } from './operators.ts';

/** Dimensions in ggml's order, fastest first: a matrix of `rows` rows of `width` numbers is [width, rows]. */
export type Shape = readonly number[];

/** How a frozen matrix is kept when not as F32, and what unpacks its rows. */
export type Stored = {
  readonly type: GgmlType;
  /** I32 0, 1, 2, ...: as many as `unpackedRows` of the matrix at least. */
  readonly indices: Tensor;
};

/** A tensor of the graph with what backward needs to know of it. F32 unless it is `stored` otherwise. */
export type Value = {
  readonly name: string;
  readonly tensor: Tensor;
  readonly shape: Shape;
  readonly needsGradient: boolean;
  /** Present: the matrix is frozen and in another type; `unpacked.ts` reads it. */
  readonly stored?: Stored;
  /** Where a trained parameter's gradient is summed over micro-batches; absent for intermediate values. */
  readonly gradientSum?: Tensor;
  /** The gradient so far while backward runs. */
  gradient?: Tensor;
  /** True when nothing else reads `gradient`'s memory, so that more may be added in place. */
  ownsGradient?: boolean;
};

export function elements(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Throws a TypeError naming both tensors unless the shapes are equal. */
export function requireSameShape(operation: string, a: Value, b: Value): void {
  if (a.shape.length !== b.shape.length || a.shape.some((size, i) => size !== b.shape[i])) {
    throw new TypeError(`${operation}: ${describe(a)} and ${describe(b)} differ in shape`);
  }
}

/** Throws a TypeError naming the tensor unless `condition` holds. */
export function requireShape(operation: string, value: Value, condition: boolean, expected: string): void {
  if (!condition) throw new TypeError(`${operation}: ${describe(value)} should be ${expected}`);
}

export function describe(value: Value): string {
  return `${value.name} [${value.shape.join(', ')}]`;
}
