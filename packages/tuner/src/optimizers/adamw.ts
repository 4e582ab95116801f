/** AdamW (Loshchilov & Hutter 2017, arXiv 1711.05101) by ggml's fused operator. One-dimensional tensors are not decayed. */
import { upload } from '../graph/memory.ts';
import type { RuleMaker } from './update-rule.ts';

export const adamw: RuleMaker = (device, memory, parameters, h) => {
  const { c } = device;
  const state = new Map(
    parameters.flatMap(({ name, value }) => [
      [`${name}.m`, memory.reserve(value.shape)] as const,
      [`${name}.v`, memory.reserve(value.shape)] as const,
    ]),
  );
  const decayed = memory.reserve([7]);
  const plain = memory.reserve([7]);
  return {
    state,
    emit(tape, { name, value }, gradient) {
      // The operator aborts the process unless the tensor carries the parameter flag.
      c.ggml_set_param(value.tensor);
      const numbers = value.shape.length > 1 ? decayed : plain;
      return [
        c.ggml_opt_step_adamw(
          tape.context,
          value.tensor,
          gradient,
          state.get(`${name}.m`)!,
          state.get(`${name}.v`)!,
          numbers,
        ),
      ];
    },
    prepare(learningRate, step) {
      const numbers = (decay: number): Float32Array =>
        new Float32Array([
          learningRate,
          h.beta1,
          h.beta2,
          h.epsilon,
          decay,
          1 / (1 - h.beta1 ** step),
          1 / (1 - h.beta2 ** step),
        ]);
      upload(device, decayed, numbers(h.weightDecay));
      upload(device, plain, numbers(0));
    },
  };
};
