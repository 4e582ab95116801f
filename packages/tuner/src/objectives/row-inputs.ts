/** Inputs of a loss over rows: reserved by name, uploaded from the batch's arrays of the same names. */
import { upload, type Memory } from '../graph/memory.ts';
import type { Tensor } from '../graph/operators.ts';
import type { Device } from '../graph/device.ts';
import type { BatchArrays } from '../run/batch.ts';

export class RowInputsOnDevice {
  readonly #device: Device;
  readonly #memory: Memory;
  readonly #tensors = new Map<string, Tensor>();

  constructor(device: Device, memory: Memory) {
    this.#device = device;
    this.#memory = memory;
  }

  /** F32 tensor of that shape, filled from the batch's input of that name. */
  input(name: string, shape: readonly number[]): Tensor {
    const tensor = this.#memory.reserve(shape);
    this.#tensors.set(name, tensor);
    return tensor;
  }

  upload({ inputs = {} }: BatchArrays): void {
    for (const [name, tensor] of this.#tensors) upload(this.#device, tensor, inputs[name]!);
  }
}
