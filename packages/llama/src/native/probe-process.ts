/** `node probe-process.ts vulkan|cuda|metal`: multiplies two matrices on that GPU. Prints what is wrong, and then does not exit with 0. */
import { isAtelierError } from '@atelier/errors';
import { ggml_status, ggml_type } from '../generated/enums.ts';
import type { GpuSetting } from './libraries.ts';
import { loadNative } from './native.ts';

/** A product of few columns: its shader is small, which matters to drivers that take minutes for large ones. */
const [size, columns] = [64, 4];

function trouble(gpu: GpuSetting): string | undefined {
  const { c } = loadNative({ gpu });
  const backend = c.ggml_backend_init_best();
  if (!backend) return 'its device does not open';
  const context = c.ggml_init({ mem_size: 1 << 20, mem_buffer: null, no_alloc: true });
  const [a, b] = [size, columns].map((rows) => c.ggml_new_tensor_2d(context, ggml_type.GGML_TYPE_F32, size, rows));
  const product = c.ggml_mul_mat(context, a!, b!);
  const graph = c.ggml_new_graph(context);
  c.ggml_build_forward_expand(graph, product);
  if (!c.ggml_backend_alloc_ctx_tensors(context, backend)) return 'its device has no memory left';
  for (const matrix of [a!, b!]) {
    const halves = new Float32Array(Number(c.ggml_nelements(matrix))).fill(0.5);
    c.ggml_backend_tensor_set(matrix, halves, 0, halves.byteLength);
  }
  if (c.ggml_backend_graph_compute(backend, graph) !== ggml_status.GGML_STATUS_SUCCESS)
    return 'its device does not compute';
  const numbers = new Float32Array(size * columns);
  c.ggml_backend_tensor_get(product, numbers, 0, numbers.byteLength);
  return numbers.every((number) => number === size / 4) ? undefined : 'its device computes wrong numbers';
}

function report(found: string | undefined): void {
  if (found === undefined) return;
  process.stdout.write(`${found}\n`);
  process.exitCode = 1;
}

try {
  report(trouble(process.argv[2] as GpuSetting));
} catch (error) {
  if (!isAtelierError(error)) throw error;
  report(String(error.details['reason']));
}
