/**
 * Records operations on ggml tensors and emits their backward nodes. One tape is one graph: operations append forward
 * nodes, `backward` walks them in reverse and collects `roots`, the nodes that the graph must compute besides its outputs.
 * Knows nothing of models or of how nodes are run.
 */
import type { Context, Operators, Tensor } from './operators.ts';
import type { Gemm, Product } from './product.ts';
import { elements, type Shape, type Value } from './value.ts';

type Step = { readonly output: Value; readonly backward: (gradient: Tensor) => void };

export class Tape {
  readonly c: Operators;
  /** ggml context that holds the graph's tensors, created with no_alloc. */
  readonly context: Context;
  /** True when products run on a BLAS, false when they are ggml nodes. */
  readonly blas: boolean;
  readonly products: Product[] = [];
  /** Nodes whose effect is wanted although nothing reads them: sums into parameters' gradients. */
  readonly roots: Tensor[] = [];
  #steps: Step[] = [];

  constructor(c: Operators, context: Context, blas: boolean) {
    this.c = c;
    this.context = context;
    this.blas = blas;
  }

  /** Names an operation's result and keeps `backward` for the way back; `backward` receives d loss / d result. */
  record(
    name: string,
    tensor: Tensor,
    shape: Shape,
    inputs: readonly Value[],
    backward: (gradient: Tensor) => void,
  ): Value {
    const output: Value = { name, tensor, shape, needsGradient: inputs.some((input) => input.needsGradient) };
    if (output.needsGradient) this.#steps.push({ output, backward });
    return output;
  }

  /** Runs `build` and returns its result with the steps it recorded taken off the tape. */
  detach<T>(build: () => T): { result: T; replay: () => void } {
    const outer = this.#steps;
    const inner: Step[] = [];
    this.#steps = inner;
    try {
      return { result: build(), replay: () => this.#replay(inner) };
    } finally {
      this.#steps = outer;
    }
  }

  /** Emits the backward nodes of everything recorded. Gradients of the outputs must have been set with `accumulate`. */
  backward(): void {
    this.#replay(this.#steps);
  }

  #replay(steps: readonly Step[]): void {
    for (let i = steps.length - 1; i >= 0; i--) {
      const { output, backward } = steps[i]!;
      if (output.gradient !== undefined) backward(output.gradient);
    }
  }

  /** Adds a gradient to a value. `fresh` says that no one else reads the tensor, so later sums may reuse its memory. */
  accumulate(value: Value, gradient: Tensor, fresh: boolean): void {
    if (!value.needsGradient) return;
    const { c } = this;
    if (value.gradientSum !== undefined) {
      this.roots.push(c.ggml_add_inplace(this.context, value.gradientSum, gradient));
    } else if (value.gradient === undefined) {
      value.gradient = gradient;
      value.ownsGradient = fresh;
    } else {
      value.gradient = value.ownsGradient
        ? c.ggml_add_inplace(this.context, value.gradient, gradient)
        : c.ggml_add(this.context, value.gradient, gradient);
      value.ownsGradient = true;
    }
  }

  /** A new tensor filled by `gemms` of a and b; BLAS only. */
  product(a: Tensor, b: Tensor, shape: Shape, gemms: readonly Gemm[]): Tensor {
    const [ne0, ne1 = 1, ne2 = 1, ne3 = 1] = shape as [number, ...number[]];
    const output = this.c.ggml_custom_4d(
      this.context,
      F32,
      ne0,
      ne1,
      ne2,
      ne3,
      new BigUint64Array([a, b]),
      2,
      null,
      1,
      null,
    );
    this.products.push({ a, b, output, gemms });
    return output;
  }

  /** A view of `target` to which `gemms` (with beta 1) have been added; BLAS only. */
  productInto(target: Tensor, a: Tensor, b: Tensor, gemms: readonly Gemm[]): Tensor {
    const output = this.c.ggml_custom_inplace(this.context, target, new BigUint64Array([a, b]), 2, null, 1, null);
    this.products.push({ a, b, output, gemms });
    return output;
  }

  /** Like `accumulate`, for a gradient that is itself a product: summed by the product's beta, with no pass of its own. */
  accumulateProduct(value: Value, a: Tensor, b: Tensor, gemm: Gemm): void {
    if (!value.needsGradient) return;
    const adding = [{ ...gemm, beta: 1 as const }];
    if (value.gradientSum !== undefined) {
      this.roots.push(this.productInto(value.gradientSum, a, b, adding));
    } else if (value.gradient !== undefined && value.ownsGradient) {
      value.gradient = this.productInto(value.gradient, a, b, adding);
    } else {
      this.accumulate(value, this.product(a, b, value.shape, [gemm]), true);
    }
  }

  reshape(tensor: Tensor, shape: Shape): Tensor {
    const { c } = this;
    const [a, b = 1, d = 1, e = 1] = shape as [number, ...number[]];
    switch (shape.length) {
      case 1:
        return c.ggml_reshape_1d(this.context, tensor, a);
      case 2:
        return c.ggml_reshape_2d(this.context, tensor, a, b);
      case 3:
        return c.ggml_reshape_3d(this.context, tensor, a, b, d);
      case 4:
        return c.ggml_reshape_4d(this.context, tensor, a, b, d, e);
      default:
        throw new TypeError(`reshape: ${elements(shape)} elements in ${shape.length} dimensions`);
    }
  }
}

/** enum ggml_type */
export const F32 = 0;
export const I32 = 26;
