/** Tensors that outlive a graph: weights, gradients, optimizer moments, inputs. */
import { AtelierError } from '@atelier/errors';
import type { Pointer } from '@atelier/llama';
import type { ggml_type } from '@atelier/llama/enums';
import type { Device } from './device.ts';
import type { Context, Tensor } from './operators.ts';
import { F32 } from './tape.ts';
import type { Shape } from './value.ts';

/** Reserves tensors first, then allocates them all in one buffer of the device. */
export class Memory implements Disposable {
  readonly #device: Device;
  readonly #context: Context;
  readonly #tensors: Tensor[] = [];
  #buffer: Pointer<'ggml_backend_buffer'> | null = null;
  bytes = 0;

  constructor(device: Device, tensors: number) {
    this.#device = device;
    const { c } = device;
    this.#context = c.ggml_init({
      mem_size: Number(c.ggml_tensor_overhead()) * tensors + 1024,
      mem_buffer: null,
      no_alloc: true,
    });
  }

  reserve(shape: Shape, type: ggml_type = F32): Tensor {
    const { c } = this.#device;
    const [a = 1, b = 1, d = 1, e = 1] = shape;
    // A tensor's number of dimensions is what its trailing ones say, so 4d serves all.
    const tensor = c.ggml_new_tensor_4d(this.#context, type, a, b, d, e);
    this.bytes += Number(c.ggml_nbytes(tensor));
    this.#tensors.push(tensor);
    return tensor;
  }

  /** Allocates and zeroes everything reserved. Nothing may be reserved afterwards. */
  allocate(): void {
    const { c, pretended } = this.#device;
    if (this.bytes === 0) return;
    if (pretended) {
      const base = c.ggml_backend_buffer_get_base(pretended);
      for (const tensor of this.#tensors) c.ggml_backend_tensor_alloc(pretended, tensor, base);
      return;
    }
    this.#buffer = c.ggml_backend_alloc_ctx_tensors(this.#context, this.#device.backend);
    if (!this.#buffer) {
      throw new AtelierError('training_failed', { reason: `${this.#device.name} has no ${this.bytes} bytes left` });
    }
    this.clear();
  }

  /** Sets every byte to zero. */
  clear(): void {
    if (this.#buffer) this.#device.c.ggml_backend_buffer_clear(this.#buffer, 0);
  }

  [Symbol.dispose](): void {
    if (this.#buffer) this.#device.c.ggml_backend_buffer_free(this.#buffer);
    this.#device.c.ggml_free(this.#context);
  }
}

/** Copies numbers into a tensor; its element count must match. */
export function upload(device: Device, tensor: Tensor, data: Float32Array | Int32Array): void {
  const { c } = device;
  const expected = Number(c.ggml_nbytes(tensor));
  if (expected !== data.byteLength)
    throw new RangeError(`upload: ${data.byteLength} bytes into a tensor of ${expected}`);
  c.ggml_backend_tensor_set(tensor, data, 0, data.byteLength);
}

/** A copy of an F32 tensor's numbers. */
export function download(device: Device, tensor: Tensor): Float32Array<ArrayBuffer> {
  const data = new Float32Array(Number(device.c.ggml_nelements(tensor)));
  device.c.ggml_backend_tensor_get(tensor, data, 0, data.byteLength);
  return data;
}

/** A copy of an I32 tensor's numbers. */
export function downloadIntegers(device: Device, tensor: Tensor): Int32Array<ArrayBuffer> {
  const data = new Int32Array(Number(device.c.ggml_nelements(tensor)));
  device.c.ggml_backend_tensor_get(tensor, data, 0, data.byteLength);
  return data;
}
