/**
 * AdamW (Loshchilov & Hutter 2017, arXiv 1711.05101) by ggml's fused operator, and Adam (Kingma & Ba 2014, arXiv 1412.6980),
 * whose decay is part of the gradient. One-dimensional tensors are not decayed.
 */
import type { HyperParameters } from '../contract/index.ts';
import type { Device } from '../graph/device.ts';
import { upload, type Memory } from '../graph/memory.ts';
import type { Parameter } from '../models/weights.ts';
import type { RuleMaker, UpdateRule } from './update-rule.ts';

export const adamw: RuleMaker = (device, memory, parameters, h) => moments(device, memory, parameters, h, true);

export const adam: RuleMaker = (device, memory, parameters, h) => moments(device, memory, parameters, h, false);

function moments(
  device: Device,
  memory: Memory,
  parameters: readonly Parameter[],
  h: HyperParameters,
  decoupled: boolean,
): UpdateRule {
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
      const decays = value.shape.length > 1;
      const numbers = decays && decoupled ? decayed : plain;
      const pulled =
        decays && !decoupled && h.weightDecay > 0
          ? c.ggml_add(tape.context, gradient, c.ggml_scale(tape.context, value.tensor, h.weightDecay))
          : gradient;
      return [
        c.ggml_opt_step_adamw(
          tape.context,
          value.tensor,
          pulled,
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
}
