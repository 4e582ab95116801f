/** Inputs of a loss over rows: reserved by name, uploaded from the batch's arrays of the same names. */
import { upload, type Memory } from '../graph/memory.ts';
import type { Tensor } from '../graph/operators.ts';
import type { Device } from '../graph/device.ts';
import { I32, type Tape } from '../graph/tape.ts';
import type { Value } from '../graph/value.ts';
import { pool } from '../operations/pooling.ts';
import type { BatchArrays, BatchLayout } from '../run/batch.ts';

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

  /** Joins positions of the batch to its rows, by the share that `name` says each position has. */
  pool(tape: Tape, hidden: Value, name: string, { wanted, rows = 0 }: BatchLayout): Value {
    let rowOf = this.#tensors.get('rowOf');
    if (!rowOf) this.#tensors.set('rowOf', (rowOf = this.#memory.reserve([wanted], I32)));
    return pool(tape, hidden, { rowOf, share: this.input(name, [1, wanted]) }, rows);
  }

  upload({ inputs = {} }: BatchArrays): void {
    for (const [name, tensor] of this.#tensors) upload(this.#device, tensor, inputs[name]!);
  }
}
