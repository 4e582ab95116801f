/**
 * Adafactor (Shazeer & Stern 2018, arXiv 1804.04235) without momentum and with a given learning rate: second moments of a
 * matrix are kept as the means of its rows and columns, so its state is their sum rather than their product in size.
 * beta2 = 1 - step^-0.8, updates clipped to a root mean square of 1, as in the paper's section 7 and Hugging Face's default.
 */
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import { upload } from '../graph/memory.ts';
import type { RuleMaker } from './update-rule.ts';

const epsilon = 1e-30;
const largestUpdate = 1;

export const adafactor: RuleMaker = (device, memory, parameters, h) => {
  const { c } = device;
  const state = new Map<string, Tensor>();
  for (const { name, value } of parameters) {
    const [width = 1, rows] = value.shape;
    if (rows === undefined) state.set(`${name}.v`, memory.reserve([width]));
    else {
      state.set(`${name}.r`, memory.reserve([1, rows]));
      state.set(`${name}.c`, memory.reserve([width, 1]));
    }
  }
  const [keep, take, rate, decay] = [
    memory.reserve([1]),
    memory.reserve([1]),
    memory.reserve([1]),
    memory.reserve([1]),
  ];
  return {
    state,
    emit(tape, { name, value }, gradient) {
      const ctx = tape.context;
      const [width = 1, rows] = value.shape;
      const squared = c.ggml_scale_bias(ctx, c.ggml_sqr(ctx, gradient), 1, epsilon);
      const nodes: Tensor[] = [];
      /** state = beta2 * state + (1 - beta2) * fresh */
      const average = (key: string, fresh: Tensor): Tensor => {
        const kept = state.get(`${name}.${key}`)!;
        const mixed = c.ggml_add(ctx, c.ggml_mul(ctx, kept, keep), c.ggml_mul(ctx, fresh, take));
        const stored = c.ggml_cpy(ctx, mixed, kept);
        nodes.push(stored);
        return stored;
      };
      let scaled: Tensor;
      if (rows === undefined) {
        scaled = c.ggml_div(ctx, gradient, c.ggml_sqrt(ctx, average('v', squared)));
      } else {
        const r = average('r', c.ggml_scale(ctx, c.ggml_sum_rows(ctx, squared), 1 / width));
        const columns = c.ggml_sum_rows(ctx, c.ggml_cont(ctx, c.ggml_transpose(ctx, squared)));
        const col = average('c', tape.reshape(c.ggml_scale(ctx, columns, 1 / rows), [width, 1]));
        const meanOfRows = c.ggml_scale(ctx, c.ggml_sum(ctx, r), 1 / rows);
        const byRow = c.ggml_div(ctx, gradient, c.ggml_sqrt(ctx, c.ggml_div(ctx, r, meanOfRows)));
        scaled = c.ggml_div(ctx, byRow, c.ggml_sqrt(ctx, col));
      }
      const update = c.ggml_mul(ctx, c.ggml_div(ctx, scaled, clipDivisor(tape, scaled, value.shape)), rate);
      const decayed = value.shape.length > 1 ? c.ggml_mul(ctx, value.tensor, decay) : value.tensor;
      return [...nodes, c.ggml_cpy(ctx, c.ggml_sub(ctx, decayed, update), value.tensor)];
    },
    prepare(learningRate, step) {
      const beta2 = 1 - step ** -0.8;
      upload(device, keep, new Float32Array([beta2]));
      upload(device, take, new Float32Array([1 - beta2]));
      upload(device, rate, new Float32Array([learningRate]));
      upload(device, decay, new Float32Array([1 - learningRate * h.weightDecay]));
    },
  };

  /** max(1, rms(update) / largestUpdate) */
  function clipDivisor(tape: Tape, update: Tensor, shape: readonly number[]): Tensor {
    const count = shape.reduce((product, size) => product * size, 1);
    const mean = c.ggml_scale(
      tape.context,
      c.ggml_sum(tape.context, c.ggml_sqr(tape.context, update)),
      1 / (count * largestUpdate ** 2),
    );
    return c.ggml_clamp(tape.context, c.ggml_sqrt(tape.context, mean), 1, 3e38);
  }
};
