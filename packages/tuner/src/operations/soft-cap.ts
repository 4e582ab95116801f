/** cap * tanh(x / cap), which keeps scores and logits within +-cap (Gemma 2, arXiv 2408.00118, section 2). */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';

/** What was capped, and the way back through it. */
export type Capped = { readonly tensor: Tensor; readonly back: (gradient: Tensor) => Tensor };

/** Caps a tensor; with a cap of 0 it stays as it is. */
export function softCap({ c, context: ctx }: Tape, x: Tensor, cap: number): Capped {
  if (cap === 0) return { tensor: x, back: (gradient) => gradient };
  const tanh = c.ggml_tanh(ctx, c.ggml_scale(ctx, x, 1 / cap));
  return {
    tensor: c.ggml_scale(ctx, tanh, cap),
    back: (gradient) => c.ggml_mul(ctx, c.ggml_scale_bias(ctx, c.ggml_sqr(ctx, tanh), -1, 1), gradient),
  };
}
