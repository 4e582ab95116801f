/** Update rules that treat every number by itself and keep at most one number of state for it. Decay is decoupled. */
import { upload } from '../graph/memory.ts';
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import type { RuleMaker } from './update-rule.ts';
import type { HyperParameters } from '../contract/index.ts';

/** From the averaged gradient and the state: what is subtracted, times the learning rate, and the state's new value. */
type Rule = (
  tape: Tape,
  h: HyperParameters,
  gradient: Tensor,
  state: Tensor,
) => { readonly update: Tensor; readonly state?: Tensor };

/** v = momentum * v + g; w -= rate * v (Sutskever et al. 2013, as PyTorch has it). No state without momentum. */
export const sgd: RuleMaker = (device, memory, parameters, h) =>
  elementwise(h.momentum > 0 ? 'v' : undefined, ({ c, context }, { momentum }, gradient, v) => {
    if (momentum === 0) return { update: gradient };
    const velocity = c.ggml_add(context, c.ggml_scale(context, v, momentum), gradient);
    return { update: velocity, state: velocity };
  })(device, memory, parameters, h);

/** w -= rate * sign(beta1 * m + (1 - beta1) * g); m = beta2 * m + (1 - beta2) * g (Chen et al. 2023, arXiv 2302.06675). */
export const lion: RuleMaker = elementwise('m', ({ c, context }, { beta1, beta2 }, gradient, m) => {
  const mixed = (beta: number): Tensor =>
    c.ggml_add(context, c.ggml_scale(context, m, beta), c.ggml_scale(context, gradient, 1 - beta));
  return { update: c.ggml_sgn(context, mixed(beta1)), state: mixed(beta2) };
});

/** v = beta2 * v + (1 - beta2) * g^2; w -= rate * g / (sqrt(v) + epsilon) (Tieleman & Hinton 2012). */
export const rmsprop: RuleMaker = elementwise('v', ({ c, context }, { beta2, epsilon }, gradient, v) => {
  const squares = c.ggml_scale(context, c.ggml_sqr(context, gradient), 1 - beta2);
  const mean = c.ggml_add(context, c.ggml_scale(context, v, beta2), squares);
  const root = c.ggml_scale_bias(context, c.ggml_sqrt(context, mean), 1, epsilon);
  return { update: c.ggml_div(context, gradient, root), state: mean };
});

/** v += g^2; w -= rate * g / (sqrt(v) + epsilon) (Duchi et al. 2011). */
export const adagrad: RuleMaker = elementwise('v', ({ c, context }, { epsilon }, gradient, v) => {
  const sum = c.ggml_add(context, v, c.ggml_sqr(context, gradient));
  const root = c.ggml_scale_bias(context, c.ggml_sqrt(context, sum), 1, epsilon);
  return { update: c.ggml_div(context, gradient, root), state: sum };
});

function elementwise(key: string | undefined, rule: Rule): RuleMaker {
  return (device, memory, parameters, h) => {
    const { c } = device;
    const state = new Map(
      key === undefined ? [] : parameters.map(({ name, value }) => [`${name}.${key}`, memory.reserve(value.shape)]),
    );
    const [rate, decay] = [memory.reserve([1]), memory.reserve([1])];
    return {
      state,
      emit(tape, { name, value }, gradient) {
        const { context } = tape;
        const kept = state.get(`${name}.${key}`) ?? gradient;
        const next = rule(tape, h, gradient, kept);
        const decayed = value.shape.length > 1 ? c.ggml_mul(context, value.tensor, decay) : value.tensor;
        const moved = c.ggml_sub(context, decayed, c.ggml_mul(context, next.update, rate));
        // The update is computed before the state that it reads is replaced.
        const nodes = [c.ggml_cpy(context, moved, value.tensor)];
        return next.state ? [...nodes, c.ggml_cpy(context, next.state, kept)] : nodes;
      },
      prepare(learningRate) {
        upload(device, rate, new Float32Array([learningRate]));
        upload(device, decay, new Float32Array([1 - learningRate * h.weightDecay]));
      },
    };
  };
}
