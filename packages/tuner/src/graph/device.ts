/** What a run computes on: a ggml backend, its threads, and the machine's BLAS when the backend is the CPU. */
import { availableParallelism } from 'node:os';
import { AtelierError } from '@atelier/errors';
import { loadNative, type GpuSetting, type Native, type Pointer } from '@atelier/llama';
import { openBlas, type Blas } from './blas.ts';
import { operators, type Operators } from './operators.ts';

export type DeviceOptions = {
  readonly gpu: GpuSetting;
  /** One per core when absent. */
  readonly threads?: number | undefined;
  /** False keeps products on ggml although the machine has a BLAS. */
  readonly blas?: boolean;
  /** Memory is counted and never taken: graphs can be built, and not run. */
  readonly planning?: boolean;
};

/** More than any machine has. */
const pretendBytes = 2 ** 52;

/** enum ggml_backend_dev_type */
const cpu = 0;

export class Device implements Disposable {
  readonly native: Native;
  readonly c: Operators;
  readonly name: string;
  readonly backend: Pointer<'ggml_backend'>;
  readonly isCpu: boolean;
  /** As asked for. A BLAS has so many: its sums depend on them. */
  readonly threads: number;
  /** Of ggml: never more than there are processors, because at its barriers they spin. */
  readonly ggmlThreads: number;
  /** How many of those graphs are best computed with, as it was found of late; a new graph begins with so many. */
  threadsOfLate: number;
  readonly blas: Blas | undefined;
  /** Where tensors seem to be when this device only plans: a buffer of no end, of which nobody touches a byte. */
  readonly pretended: Pointer<'ggml_backend_buffer'> | undefined;
  readonly #anchor: Pointer<'ggml_backend_buffer'> | undefined;
  readonly #threadPool: Pointer<'ggml_threadpool'> | undefined;

  private constructor(
    native: Native,
    backend: Pointer<'ggml_backend'>,
    threads: number,
    { blas = true, planning = false }: DeviceOptions,
  ) {
    const c = operators(native);
    this.native = native;
    this.c = c;
    this.backend = backend;
    this.name = c.ggml_backend_name(backend);
    this.threads = threads;
    this.ggmlThreads = Math.min(threads, availableParallelism());
    this.threadsOfLate = this.ggmlThreads;
    this.isCpu = c.ggml_backend_dev_type(c.ggml_backend_get_device(backend)) === cpu;
    if (planning) {
      this.#anchor = c.ggml_backend_buft_alloc_buffer(c.ggml_backend_cpu_buffer_type(), 64);
      this.pretended = c.ggml_backend_cpu_buffer_from_ptr(c.ggml_backend_buffer_get_base(this.#anchor), pretendBytes);
    }
    if (!this.isCpu) return;
    this.blas = blas ? openBlas(native, threads) : undefined;
    // Without a pool of its own the backend starts threads anew for each of a step's hundreds of stretches; with polling
    // its idle threads would take the cores that the BLAS computes on.
    const parameters = { ...c.ggml_threadpool_params_default(this.ggmlThreads), poll: 0 };
    this.#threadPool = c.ggml_threadpool_new(native.encode('ggml_threadpool_params', parameters));
    c.ggml_backend_cpu_set_threadpool(backend, this.#threadPool);
  }

  /** Opens the GPU that `gpu` names, or the CPU when it is `off` or `auto` finds none. */
  static open(options: DeviceOptions): Device {
    const native = loadNative({ gpu: options.gpu });
    const backend =
      options.gpu === 'off' ? native.c.ggml_backend_init_by_type(cpu, null) : native.c.ggml_backend_init_best();
    if (!backend) throw new AtelierError('training_failed', { reason: `no device for gpu ${options.gpu}` });
    return new Device(native, backend, options.threads ?? availableParallelism(), options);
  }

  /** What the device calls itself, such as the name of a graphics card. */
  get description(): string {
    return this.c.ggml_backend_dev_description(this.c.ggml_backend_get_device(this.backend));
  }

  /** Bytes of its own memory that nobody has taken. */
  get freeBytes(): number {
    const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
    this.c.ggml_backend_dev_memory(this.c.ggml_backend_get_device(this.backend), free, total);
    return Number(free[0]);
  }

  [Symbol.dispose](): void {
    const { c } = this;
    for (const buffer of [this.pretended, this.#anchor]) if (buffer) c.ggml_backend_buffer_free(buffer);
    c.ggml_backend_free(this.backend);
    if (this.#threadPool) c.ggml_threadpool_free(this.#threadPool);
  }
}
