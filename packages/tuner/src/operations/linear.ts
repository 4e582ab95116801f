import type { Tensor } from '../graph/operators.ts';
import type { Gemm } from '../graph/product.ts';
import type { Tape } from '../graph/tape.ts';
import { unpacked } from '../graph/unpacked.ts';
import { requireShape, type Value } from '../graph/value.ts';

/** A low-rank addition to a frozen matrix: W + scale * B A (Hu et al. 2021, arXiv 2106.09685). */
export type LowRank = {
  /** [in, rank] */
  readonly a: Value;
  /** [rank, out] */
  readonly b: Value;
  /** alpha / rank, or alpha / sqrt(rank) */
  readonly scale: number;
  /** Multiplies the input on its way into A, [in, rows]: 0 or 1 / (1 - dropout). */
  readonly dropoutMask?: Value;
  /** DoRA's part, which `adaptedLinear` of dora.ts adds. */
  readonly magnitude?: Magnitude;
};

export type Magnitude = {
  /** m, [out] */
  readonly vector: Value;
  /** |W|^2 of each output, F32 [out]: known once, because W is frozen. */
  readonly baseSquares: Tensor;
};

/** y = W x, or W x + scale * B A (mask * x). weight [in, out], x [in, rows] -> [out, rows]. */
export function linear(tape: Tape, weight: Value, x: Value, lowRank?: LowRank): Value {
  const [inputs = 0, outputs = 0] = weight.shape;
  const rows = x.shape[1] ?? 1;
  requireShape('linear', weight, weight.shape.length === 2, 'a matrix');
  requireShape('linear', x, x.shape.length === 2 && x.shape[0] === inputs, `[${inputs}, rows] for ${weight.name}`);
  if (!lowRank) {
    return tape.record(
      `output of ${weight.name}`,
      forward(tape, weight, x.tensor, inputs, outputs, rows, 1),
      [outputs, rows],
      [weight, x],
      (dy) => {
        gradientOfInput(tape, weight, dy, x, inputs, outputs, rows, 1);
        gradientOfWeight(tape, weight, x.tensor, dy, inputs, outputs, rows, 1);
      },
    );
  }
  const { a, b, scale, dropoutMask } = lowRank;
  const rank = a.shape[1] ?? 0;
  requireShape('linear', a, a.shape[0] === inputs && rank > 0, `[${inputs}, rank] for ${weight.name}`);
  requireShape('linear', b, b.shape[0] === rank && b.shape[1] === outputs, `[${rank}, ${outputs}] for ${weight.name}`);
  const { c } = tape;
  const dropped = dropoutMask ? c.ggml_mul(tape.context, x.tensor, dropoutMask.tensor) : x.tensor;
  const hidden = forward(tape, a, dropped, inputs, rank, rows, 1);
  const base = forward(tape, weight, x.tensor, inputs, outputs, rows, 1);
  const sum = tape.blas
    ? tape.productInto(base, hidden, b.tensor, [{ ...forwardGemm(rank, outputs, rows, scale), beta: 1 }])
    : c.ggml_add_inplace(
        tape.context,
        base,
        c.ggml_scale(tape.context, c.ggml_mul_mat(tape.context, b.tensor, hidden), scale),
      );
  return tape.record(`output of ${weight.name}`, sum, [outputs, rows], [weight, x, a, b], (dy) => {
    const hiddenValue: Value = {
      name: `output of ${a.name}`,
      tensor: hidden,
      shape: [rank, rows],
      needsGradient: true,
    };
    gradientOfInput(tape, b, dy, hiddenValue, rank, outputs, rows, scale);
    gradientOfWeight(tape, b, hidden, dy, rank, outputs, rows, scale);
    const dHidden = hiddenValue.gradient!;
    gradientOfWeight(tape, a, dropped, dHidden, inputs, rank, rows, 1);
    if (dropoutMask && x.needsGradient) {
      const through: Value = { name: x.name, tensor: dropped, shape: x.shape, needsGradient: true };
      gradientOfInput(tape, a, dHidden, through, inputs, rank, rows, 1);
      tape.accumulate(x, c.ggml_mul(tape.context, through.gradient!, dropoutMask.tensor), true);
    } else {
      gradientOfInput(tape, a, dHidden, x, inputs, rank, rows, 1);
    }
    gradientOfInput(tape, weight, dy, x, inputs, outputs, rows, 1);
    gradientOfWeight(tape, weight, x.tensor, dy, inputs, outputs, rows, 1);
  });
}

/** y = W x as row-major Y[rows, out] = X[rows, in] W[out, in]^T. */
function forwardGemm(inputs: number, outputs: number, rows: number, alpha: number): Gemm {
  return {
    transposeA: false,
    transposeB: true,
    m: rows,
    n: outputs,
    k: inputs,
    alpha,
    beta: 0,
    a: { at: 0, ld: inputs },
    b: { at: 0, ld: inputs },
    c: { at: 0, ld: outputs },
  };
}

/** The product alone, recorded by the caller. Without a BLAS, stored weights meet activations rounded to 8 bits, as in serving. */
export function forward(
  tape: Tape,
  weight: Value,
  x: Tensor,
  inputs: number,
  outputs: number,
  rows: number,
  alpha: number,
): Tensor {
  if (tape.blas) {
    let y: Tensor | undefined;
    for (const chunk of unpacked(tape, weight)) {
      const gemm = forwardGemm(inputs, chunk.rows, rows, alpha);
      const into = [{ ...gemm, c: { at: chunk.from, ld: outputs } }];
      y =
        y === undefined
          ? tape.product(x, chunk.tensor, [outputs, rows], into)
          : tape.productInto(y, x, chunk.tensor, into);
    }
    return y!;
  }
  const y = tape.c.ggml_mul_mat(tape.context, weight.tensor, x);
  return alpha === 1 ? y : tape.c.ggml_scale(tape.context, y, alpha);
}

/** dX = alpha * W^T dY, added to x's gradient. */
export function gradientOfInput(
  tape: Tape,
  weight: Value,
  dy: Tensor,
  x: Value,
  inputs: number,
  outputs: number,
  rows: number,
  alpha: number,
): void {
  if (!x.needsGradient) return;
  for (const chunk of unpacked(tape, weight)) {
    if (tape.blas) {
      tape.accumulateProduct(x, dy, chunk.tensor, {
        transposeA: false,
        transposeB: false,
        m: rows,
        n: inputs,
        k: chunk.rows,
        alpha,
        beta: 0,
        a: { at: chunk.from, ld: outputs },
        b: { at: 0, ld: inputs },
        c: { at: 0, ld: inputs },
      });
      continue;
    }
    const { c, context } = tape;
    const bytes = Float32Array.BYTES_PER_ELEMENT;
    const part =
      chunk.rows === outputs
        ? dy
        : c.ggml_cont(context, c.ggml_view_2d(context, dy, chunk.rows, rows, outputs * bytes, chunk.from * bytes));
    const dx = c.ggml_mul_mat(context, c.ggml_cont(context, c.ggml_transpose(context, chunk.tensor)), part);
    tape.accumulate(x, alpha === 1 ? dx : c.ggml_scale(context, dx, alpha), true);
  }
}

/** dW = alpha * dY X^T, added to the weight's gradient. */
export function gradientOfWeight(
  tape: Tape,
  weight: Value,
  x: Tensor,
  dy: Tensor,
  inputs: number,
  outputs: number,
  rows: number,
  alpha: number,
): void {
  if (!weight.needsGradient) return;
  if (tape.blas) {
    tape.accumulateProduct(weight, dy, x, {
      transposeA: true,
      transposeB: false,
      m: outputs,
      n: inputs,
      k: rows,
      alpha,
      beta: 0,
      a: { at: 0, ld: outputs },
      b: { at: 0, ld: inputs },
      c: { at: 0, ld: inputs },
    });
    return;
  }
  const { c } = tape;
  const transposed = (tensor: Tensor): Tensor => c.ggml_cont(tape.context, c.ggml_transpose(tape.context, tensor));
  const dw = c.ggml_mul_mat(tape.context, transposed(x), transposed(dy));
  tape.accumulate(weight, alpha === 1 ? dw : c.ggml_scale(tape.context, dw, alpha), true);
}
