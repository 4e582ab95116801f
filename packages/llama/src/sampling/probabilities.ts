import { checkNumber, invalid } from '../arguments.ts';
import { ggml_type } from '../generated/enums.ts';
import { Lifetime } from '../lifetime.ts';
import type { LlamaModel } from '../model/llama-model.ts';
import type { Native } from '../native/native.ts';
import { offsetPointer, type Pointer } from '../native/pointer.ts';

/** Room for two tensors and a graph of them, which hold no numbers. */
const graphBytes = 1 << 16;

/**
 * Softmax over a vocabulary by ggml's vector kernels, in a tenth of the time that a chain of samplers takes, which makes a
 * list of candidates and goes through it one by one.
 */
export class Probabilities implements Disposable {
  readonly #native: Native;
  readonly #lifetime = new Lifetime('probabilities');
  readonly #releaseModel: () => void;
  readonly #context: Pointer<'ggml_context'>;
  readonly #graph: Pointer<'ggml_cgraph'>;
  readonly #plan: Uint8Array;
  /** Kept alive: native code has its address. */
  readonly #work: Uint8Array;
  readonly #values: Float32Array;
  /** Where the graph is told of its input, and of the factor in front of it. */
  readonly #input: BigUint64Array;
  readonly #scale: Float32Array;

  constructor(model: LlamaModel) {
    const { native, vocab } = model;
    const { c } = native;
    const context = c.ggml_init({ mem_size: graphBytes, mem_buffer: null, no_alloc: true });
    if (context === null) throw invalid('no memory for probabilities');
    this.#native = native;
    this.#releaseModel = model.lifetime.hold('probabilities');
    this.#context = context;
    this.#values = new Float32Array(new ArrayBuffer(vocab.size * 4));
    const logits = c.ggml_new_tensor_1d(context, ggml_type.GGML_TYPE_F32, vocab.size);
    const softmax = c.ggml_soft_max_ext(context, logits, null, 1, 0);
    this.#input = new BigUint64Array(this.#field(logits, 'data', 8));
    // ggml_soft_max_ext keeps its factor as the first of the operation's parameters.
    this.#scale = new Float32Array(this.#field(softmax, 'op_params', 4));
    new BigUint64Array(this.#field(softmax, 'data', 8))[0] = native.address(this.#values);
    this.#graph = c.ggml_new_graph_custom(context, 2, false);
    c.ggml_build_forward_expand(this.#graph, softmax);
    const plan = c.ggml_graph_plan(this.#graph, 1, null);
    this.#work = new Uint8Array(new ArrayBuffer(Number(plan.work_size) + 1));
    const work = native.address(this.#work) as Pointer<'uint8_t'>;
    this.#plan = native.encode('ggml_cplan', { ...plan, work_data: work });
  }

  /** softmax(logits / temperature), one number for each token, valid until the next call; NaN where there is none. */
  of(logits: Float32Array, temperature: number): Float32Array {
    this.#lifetime.check();
    if (logits.length !== this.#values.length) throw invalid(`${logits.length} logits, not ${this.#values.length}`);
    this.#scale[0] = 1 / checkNumber('temperature', temperature, 1e-6, 1e6);
    this.#input[0] = this.#native.address(logits);
    this.#native.c.ggml_graph_compute(this.#graph, this.#plan);
    return this.#values;
  }

  [Symbol.dispose](): void {
    this.#lifetime.end(() => {
      this.#native.c.ggml_free(this.#context);
      this.#releaseModel();
    });
  }

  #field(tensor: Pointer<'ggml_tensor'>, name: 'data' | 'op_params', bytes: number): ArrayBuffer {
    return this.#native.view(offsetPointer(tensor, this.#native.offsetOf('ggml_tensor', name)), bytes);
  }
}
