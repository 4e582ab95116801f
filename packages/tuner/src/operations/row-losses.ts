/**
 * Losses over the rows of a micro-batch, each a scalar tensor [1]: a weighted sum. Like the cross-entropy of tokens they
 * emit their own gradient when `train`, since it is known as soon as the outputs are.
 */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { elements, type Value } from '../graph/value.ts';

function emit(tape: Tape, loss: Tensor, x: Value, train: boolean, gradient: () => Tensor): Tensor {
  if (!train) return loss;
  tape.roots.push(loss);
  tape.accumulate(x, tape.reshape(gradient(), x.shape), true);
  return loss;
}

/** sum of weight * -sum target * log softmax(x): x and targets [labels, rows], a row's targets summing to 1; weights [1, rows]. */
export function softmaxLoss(tape: Tape, x: Value, targets: Tensor, weights: Tensor, train: boolean): Tensor {
  const { c } = tape;
  const ctx = tape.context;
  const shares = c.ggml_soft_max(ctx, x.tensor);
  // A share that underflows to 0 would make the loss infinite while its gradient is still right.
  const logs = c.ggml_log(ctx, c.ggml_scale_bias(ctx, shares, 1, 1e-30));
  const loss = c.ggml_scale(ctx, c.ggml_sum(ctx, c.ggml_mul(ctx, c.ggml_mul(ctx, logs, targets), weights)), -1);
  return emit(tape, loss, x, train, () => c.ggml_mul(ctx, c.ggml_sub(ctx, shares, targets), weights));
}

/** sum of weight * binary cross-entropy of sigmoid(x) against targets of 0 to 1, all of one shape. */
export function sigmoidLoss(tape: Tape, x: Value, targets: Tensor, weights: Tensor, train: boolean): Tensor {
  const { c } = tape;
  const ctx = tape.context;
  const each = c.ggml_sub(ctx, c.ggml_softplus(ctx, x.tensor), c.ggml_mul(ctx, x.tensor, targets));
  const loss = c.ggml_sum(ctx, c.ggml_mul(ctx, each, weights));
  return emit(tape, loss, x, train, () =>
    c.ggml_mul(ctx, c.ggml_sub(ctx, c.ggml_sigmoid(ctx, x.tensor), targets), weights),
  );
}

/** sum of weight * (x - target)^2, all of one shape. */
export function squaredLoss(tape: Tape, x: Value, targets: Tensor, weights: Tensor, train: boolean): Tensor {
  const { c } = tape;
  const ctx = tape.context;
  const difference = c.ggml_sub(ctx, x.tensor, targets);
  const weighted = c.ggml_mul(ctx, difference, weights);
  const loss = c.ggml_sum(ctx, c.ggml_mul(ctx, weighted, difference));
  return emit(tape, loss, x, train, () => c.ggml_scale(ctx, weighted, 2));
}

/** Adds numbers that are given to x, same shape: masks. */
export function addGiven(tape: Tape, x: Value, given: Tensor): Value {
  if (Number(tape.c.ggml_nelements(given)) !== elements(x.shape)) throw new TypeError(`addGiven: ${x.name}`);
  const tensor = tape.c.ggml_add(tape.context, x.tensor, given);
  return tape.record(x.name, tensor, x.shape, [x], (dy) => tape.accumulate(x, dy, false));
}
