/** A frozen matrix and its low-rank addition as one matrix. */
import type { Device } from '../graph/device.ts';
import { download } from '../graph/memory.ts';
import { contextBytes, Program } from '../graph/program.ts';
import { Tape } from '../graph/tape.ts';
import type { Value } from '../graph/value.ts';
import type { LowRank } from '../operations/linear.ts';

/** V = W + scale * B A, or m * V / |V| with a magnitude; in the order of the matrix. `weight` is F32. */
export function mergedMatrix(device: Device, weight: Value, { a, b, scale, magnitude }: LowRank): Float32Array {
  const { c } = device;
  const context = c.ggml_init({ mem_size: contextBytes(c, 64), mem_buffer: null, no_alloc: true });
  try {
    const product = c.ggml_mul_mat(context, c.ggml_cont(context, c.ggml_transpose(context, a.tensor)), b.tensor);
    let merged = c.ggml_add(context, weight.tensor, c.ggml_scale(context, product, scale));
    if (magnitude) {
      const outputs = magnitude.vector.shape[0]!;
      const norms = c.ggml_sqrt(context, c.ggml_sum_rows(context, c.ggml_sqr(context, merged)));
      const factors = c.ggml_div(context, c.ggml_reshape_2d(context, magnitude.vector.tensor, 1, outputs), norms);
      merged = c.ggml_mul(context, merged, factors);
    }
    using program = new Program(device, new Tape(c, context, false), [merged]);
    program.run();
    return download(device, merged);
  } finally {
    c.ggml_free(context);
  }
}
