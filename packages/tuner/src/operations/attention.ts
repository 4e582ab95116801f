/**
 * Self-attention with grouped queries (Ainslie et al. 2023, arXiv 2305.13245) over packed bins. A micro-batch is
 * `bins` sequences of `length` positions; several rows share a bin, and the mask keeps each from seeing the others.
 *
 * With a BLAS each head of each bin is a product read straight out of the projections' layout by its row stride, so no
 * permuted copy is ever made; without, ggml permutes.
 */
import type { Tensor } from '../graph/operators.ts';
import type { Gemm } from '../graph/product.ts';
import type { Tape } from '../graph/tape.ts';
import { requireShape, type Shape, type Value } from '../graph/value.ts';
import { softCap } from './soft-cap.ts';

export type AttentionShape = {
  readonly headSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Positions in a bin. */
  readonly length: number;
  readonly bins: number;
  /** Multiplies the scores before they are capped and masked; usually 1 / sqrt(headSize). */
  readonly scale: number;
  /** Scores are kept within +-scoreCap; 0 is no cap. */
  readonly scoreCap: number;
};

/** softmax(cap(Q K^T * scale) + mask) V. q [headSize * heads, length * bins], k and v [headSize * kvHeads, ...], mask F32 [length, length, 1, bins]. */
export function attention(tape: Tape, q: Value, k: Value, v: Value, mask: Tensor, shape: AttentionShape): Value {
  const { headSize, heads, kvHeads, length, bins } = shape;
  const rows = length * bins;
  requireShape(
    'attention',
    q,
    q.shape[0] === headSize * heads && q.shape[1] === rows,
    `[${headSize * heads}, ${rows}]`,
  );
  for (const value of [k, v]) {
    requireShape(
      'attention',
      value,
      value.shape[0] === headSize * kvHeads && value.shape[1] === rows,
      `[${headSize * kvHeads}, ${rows}]`,
    );
  }
  requireShape('attention', q, heads % kvHeads === 0, `a multiple of ${kvHeads} heads`);
  return tape.blas ? onBlas(tape, q, k, v, mask, shape) : onGgml(tape, q, k, v, mask, shape);
}

/** The softmax of raw scores and its way back. Where nothing is capped, the scale is the softmax's own. */
function softmax(
  tape: Tape,
  raw: Tensor,
  mask: Tensor,
  { scale, scoreCap }: AttentionShape,
): { weights: Tensor; back: (gradient: Tensor) => Tensor } {
  const { c, context } = tape;
  if (scoreCap === 0) {
    const weights = c.ggml_soft_max_ext(context, raw, mask, scale, 0);
    return { weights, back: (gradient) => c.ggml_soft_max_ext_back(context, gradient, weights, scale, 0) };
  }
  const capped = softCap(tape, c.ggml_scale(context, raw, scale), scoreCap);
  const weights = c.ggml_soft_max_ext(context, capped.tensor, mask, 1, 0);
  return {
    weights,
    back: (gradient) =>
      c.ggml_scale(context, capped.back(c.ggml_soft_max_ext_back(context, gradient, weights, 1, 0)), scale),
  };
}

const scoresShape = ({ length, heads, bins }: AttentionShape): Shape => [length, length, heads, bins];

function onBlas(tape: Tape, q: Value, k: Value, v: Value, mask: Tensor, shape: AttentionShape): Value {
  const { headSize, heads, kvHeads, length, bins } = shape;
  const group = heads / kvHeads;
  type Kind = 'query' | 'key' | 'score';
  const place = (kind: Kind, head: number, bin: number): { at: number; ld: number } => {
    if (kind === 'score') return { at: (bin * heads + head) * length * length, ld: length };
    if (kind === 'query') return { at: bin * length * heads * headSize + head * headSize, ld: heads * headSize };
    return { at: bin * length * kvHeads * headSize + Math.floor(head / group) * headSize, ld: kvHeads * headSize };
  };
  const each = (a: Kind, transposeA: boolean, b: Kind, transposeB: boolean, out: Kind): Gemm[] => {
    const gemms: Gemm[] = [];
    for (let bin = 0; bin < bins; bin++) {
      for (let head = 0; head < heads; head++) {
        gemms.push({
          transposeA,
          transposeB,
          m: length,
          n: out === 'score' ? length : headSize,
          k: out === 'score' ? headSize : length,
          alpha: 1,
          // Heads of one group add up in the key's gradient.
          beta: out === 'key' && head % group > 0 ? 1 : 0,
          a: place(a, head, bin),
          b: place(b, head, bin),
          c: place(out, head, bin),
        });
      }
    }
    return gemms;
  };
  const scores = tape.product(q.tensor, k.tensor, scoresShape(shape), each('query', false, 'key', true, 'score'));
  const { weights, back } = softmax(tape, scores, mask, shape);
  const tensor = tape.product(weights, v.tensor, q.shape, each('score', false, 'key', false, 'query'));
  return tape.record(`attention(${q.name})`, tensor, q.shape, [q, k, v], (dy) => {
    if (v.needsGradient)
      tape.accumulate(v, tape.product(weights, dy, v.shape, each('score', true, 'query', false, 'key')), true);
    if (!q.needsGradient && !k.needsGradient) return;
    const dWeights = tape.product(dy, v.tensor, scoresShape(shape), each('query', false, 'key', true, 'score'));
    const dScores = back(dWeights);
    if (q.needsGradient)
      tape.accumulate(q, tape.product(dScores, k.tensor, q.shape, each('score', false, 'key', false, 'query')), true);
    if (k.needsGradient)
      tape.accumulate(k, tape.product(dScores, q.tensor, k.shape, each('score', true, 'query', false, 'key')), true);
  });
}

function onGgml(tape: Tape, q: Value, k: Value, v: Value, mask: Tensor, shape: AttentionShape): Value {
  const { headSize, heads, kvHeads, length, bins } = shape;
  const { c } = tape;
  const ctx = tape.context;
  const rows = length * bins;
  const cont = (tensor: Tensor): Tensor => c.ggml_cont(ctx, tensor);
  const transposed = (tensor: Tensor): Tensor => cont(c.ggml_transpose(ctx, tensor));
  /** [headSize * n, rows] -> [headSize, length, n, bins] */
  const byHead = (tensor: Tensor, n: number): Tensor =>
    cont(c.ggml_permute(ctx, tape.reshape(tensor, [headSize, n, length, bins]), 0, 2, 1, 3));
  /** and back */
  const byRow = (tensor: Tensor, n: number): Tensor =>
    tape.reshape(cont(c.ggml_permute(ctx, tensor, 0, 2, 1, 3)), [headSize * n, rows]);
  /** Sums the heads of each group: [headSize, length, heads, bins] -> [headSize, length, kvHeads, bins] */
  const overGroup = (tensor: Tensor): Tensor => {
    if (heads === kvHeads) return tensor;
    const target = c.ggml_new_tensor_4d(ctx, 0, headSize * length, 1, kvHeads, bins);
    const summed = c.ggml_repeat_back(
      ctx,
      tape.reshape(tensor, [headSize * length, heads / kvHeads, kvHeads, bins]),
      target,
    );
    return tape.reshape(summed, [headSize, length, kvHeads, bins]);
  };
  const qh = byHead(q.tensor, heads);
  const kh = byHead(k.tensor, kvHeads);
  const vh = byHead(v.tensor, kvHeads);
  const { weights, back } = softmax(tape, c.ggml_mul_mat(ctx, kh, qh), mask, shape);
  const tensor = byRow(c.ggml_mul_mat(ctx, transposed(vh), weights), heads);
  return tape.record(`attention(${q.name})`, tensor, q.shape, [q, k, v], (dy) => {
    const dOut = byHead(dy, heads);
    if (v.needsGradient)
      tape.accumulate(v, byRow(overGroup(c.ggml_mul_mat(ctx, transposed(dOut), transposed(weights))), kvHeads), true);
    if (!q.needsGradient && !k.needsGradient) return;
    const dScores = back(c.ggml_mul_mat(ctx, vh, dOut));
    if (q.needsGradient) tape.accumulate(q, byRow(c.ggml_mul_mat(ctx, transposed(kh), dScores), heads), true);
    if (k.needsGradient)
      tape.accumulate(k, byRow(overGroup(c.ggml_mul_mat(ctx, transposed(qh), transposed(dScores))), kvHeads), true);
  });
}
