/**
 * A graph ready to run: memory planned, cut into stretches of ggml nodes with BLAS products between them. On a GPU, or
 * without a BLAS, it is one stretch.
 */
import { AtelierError } from '@atelier/errors';
import type { Pointer } from '@atelier/llama';
import type { Device } from './device.ts';
import type { PreparedGemm } from './blas.ts';
import type { Graph, Operators, Tensor } from './operators.ts';
import type { Tape } from './tape.ts';
import { ThreadChoice } from './thread-choice.ts';

/** `worthThreads`: more than one thread may be worth its waking. */
type Stretch = { readonly graph: Graph; readonly worthThreads: boolean } | { readonly gemms: readonly PreparedGemm[] };

/** Operators that only rename memory; computing them is a wasted wake-up of the thread pool. */
const views = new Set(['NONE', 'RESHAPE', 'VIEW', 'PERMUTE', 'TRANSPOSE']);

/** Numbers that a stretch must at least touch for a second thread to be worth its waking. */
const leastForThreads = 1 << 15;

/** What serves a graph that takes less says little of others. */
const tellingMs = 20;

export class Program implements Disposable {
  /** Bytes of intermediate values. */
  readonly bytes: number;
  readonly nodes: number;
  readonly #device: Device;
  readonly #allocator: Pointer<'ggml_gallocr'>;
  readonly #stretches: Stretch[];
  readonly #threads: ThreadChoice;

  /** Plans `outputs` and the tape's roots, in that order. The tape's context must hold `graphSpace(nodes)` bytes more. */
  constructor(device: Device, tape: Tape, outputs: readonly Tensor[]) {
    const { c } = device;
    this.#device = device;
    this.#threads = new ThreadChoice(device.ggmlThreads, device.threadsOfLate);
    const size = maxNodes;
    const graph = c.ggml_new_graph_custom(tape.context, size, false);
    for (const output of outputs) c.ggml_set_output(output);
    // Roots come in the order of backward: expanding them so lets each layer's memory go before the next one's is needed.
    for (const node of [...outputs, ...tape.roots]) c.ggml_build_forward_expand(graph, node);
    this.#allocator = c.ggml_gallocr_new(c.ggml_backend_get_default_buffer_type(device.backend));
    if (device.pretended) {
      const size = new BigUint64Array(1);
      c.ggml_gallocr_reserve_n_size(this.#allocator, graph, null, null, size);
      this.bytes = Number(size[0]);
      this.nodes = Number(c.ggml_graph_n_nodes(graph));
      this.#stretches = [];
      return;
    }
    if (!c.ggml_gallocr_alloc_graph(this.#allocator, graph)) {
      throw new AtelierError('training_failed', { reason: `${device.name} has too little memory for this batch` });
    }
    this.bytes = Number(c.ggml_gallocr_get_buffer_size(this.#allocator, 0));
    this.nodes = Number(c.ggml_graph_n_nodes(graph));
    this.#stretches = tape.blas ? cut(device, tape, graph, this.nodes) : [{ graph, worthThreads: true }];
    if (!tape.blas) requireSupport(device, graph, this.nodes);
  }

  /** Computes every node. Blocks; a training process has nothing else to do meanwhile. */
  run(): void {
    const { c, backend, blas, isCpu } = this.#device;
    const threads = this.#threads.next();
    let ms = 0;
    for (const stretch of this.#stretches) {
      if ('gemms' in stretch) {
        for (const gemm of stretch.gemms) blas!.run(gemm);
      } else {
        if (isCpu) c.ggml_backend_cpu_set_n_threads(backend, stretch.worthThreads ? threads : 1);
        const from = performance.now();
        const status = c.ggml_backend_graph_compute(backend, stretch.graph);
        if (stretch.worthThreads) ms += performance.now() - from;
        if (status !== 0)
          throw new AtelierError('training_failed', { reason: `${this.#device.name} returned status ${status}` });
      }
    }
    this.#threads.observe(threads, ms);
    if (ms > tellingMs) this.#device.threadsOfLate = this.#threads.best;
  }

  get stretches(): number {
    return this.#stretches.length;
  }

  [Symbol.dispose](): void {
    this.#device.c.ggml_gallocr_free(this.#allocator);
  }
}

export const maxNodes = 65_536;

/** Bytes a ggml context needs for `tensors` tensors and the graphs over them. */
export function contextBytes(c: Operators, tensors: number): number {
  return (
    Number(c.ggml_tensor_overhead()) * tensors + 4 * Number(c.ggml_graph_overhead_custom(maxNodes, false)) + (1 << 20)
  );
}

function cut(device: Device, tape: Tape, graph: Graph, count: number): Stretch[] {
  const { native, blas, c } = device;
  const products = new Map(tape.products.map((product) => [native.address(product.output), product]));
  const stretches: Stretch[] = [];
  let run: Tensor[] = [];
  let touched = 0;
  const close = (): void => {
    if (run.length === 0) return;
    const part = c.ggml_new_graph_custom(tape.context, run.length, false);
    for (const node of run) c.ggml_graph_add_node(part, node);
    stretches.push({ graph: part, worthThreads: touched >= leastForThreads });
    run = [];
    touched = 0;
  };
  for (let i = 0; i < count; i++) {
    const node = c.ggml_graph_node(graph, i);
    const product = products.get(native.address(node));
    if (product) {
      close();
      stretches.push({ gemms: blas!.prepare(product) });
    } else if (!views.has(c.ggml_op_desc(node))) {
      run.push(node);
      touched += Number(c.ggml_nelements(node));
    }
  }
  close();
  return stretches;
}

function requireSupport(device: Device, graph: Graph, count: number): void {
  const { c } = device;
  for (let i = 0; i < count; i++) {
    const node = c.ggml_graph_node(graph, i);
    if (!c.ggml_backend_supports_op(device.backend, node)) {
      throw new AtelierError('training_failed', {
        reason: `${device.name} cannot compute ${c.ggml_op_desc(node)}; train with gpu off`,
      });
    }
  }
}
