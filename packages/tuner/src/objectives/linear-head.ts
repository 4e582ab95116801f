/** A trained linear layer for each target, on the pooled hidden state. */
import { encodeHead, type Head, type HeadFile } from '@atelier/data';
import type { Device } from '../graph/device.ts';
import { download, Memory, upload } from '../graph/memory.ts';
import type { Parameter } from '../models/weights.ts';
import type { TrainedHead } from './objective.ts';

export type HeadTarget = HeadFile['targets'][number];

/** Scalars are trained standardised; serving gives the data's own unit: value = output * deviation + mean. */
export type Unit = { readonly mean: number; readonly deviation: number };

export class LinearHead implements TrainedHead {
  readonly parameters: readonly Parameter[];
  readonly #device: Device;
  readonly #facts: Omit<Head, 'weight' | 'bias'>;
  readonly #units: readonly Unit[];
  readonly #memory: Memory;
  readonly #gradients: Memory;

  /**
   * Weights start at zero, which a linear layer learns from as well as from anything, and so do biases that `biases` does
   * not give, one list a target. `units` are those of scalar targets, in order.
   */
  constructor(
    device: Device,
    facts: Omit<Head, 'weight' | 'bias'>,
    units: readonly Unit[] = [],
    biases: readonly Float32Array[] = [],
  ) {
    this.#device = device;
    this.#facts = facts;
    this.#units = units;
    this.#memory = new Memory(device, 2 * facts.targets.length + 1);
    this.#gradients = new Memory(device, 2 * facts.targets.length + 1);
    const parameter = (name: string, shape: readonly number[]): Parameter => ({
      name,
      value: {
        name,
        shape,
        tensor: this.#memory.reserve(shape),
        needsGradient: true,
        gradientSum: this.#gradients.reserve(shape),
      },
    });
    this.parameters = facts.targets.flatMap((target, index) => [
      parameter(`head.${index}.weight`, [facts.width, outputsOf(target)]),
      parameter(`head.${index}.bias`, [outputsOf(target)]),
    ]);
    this.#memory.allocate();
    this.#gradients.allocate();
    for (const [target, bias] of biases.entries()) upload(device, this.layer(target).bias.tensor, bias);
  }

  get bytes(): number {
    return this.#memory.bytes + this.#gradients.bytes;
  }

  /** Weight [width, outputs] and bias [outputs] of a target. */
  layer(target: number): { readonly weight: Parameter['value']; readonly bias: Parameter['value'] } {
    return { weight: this.parameters[2 * target]!.value, bias: this.parameters[2 * target + 1]!.value };
  }

  clearGradients(): void {
    this.#gradients.clear();
  }

  file(): HeadFile {
    const weights: number[] = [];
    const biases: number[] = [];
    for (const index of this.#facts.targets.keys()) {
      const { mean, deviation } = this.#units[index] ?? { mean: 0, deviation: 1 };
      const { weight, bias } = this.layer(index);
      for (const value of download(this.#device, weight.tensor)) weights.push(value * deviation);
      for (const value of download(this.#device, bias.tensor)) biases.push(value * deviation + mean);
    }
    return encodeHead({ ...this.#facts, weight: Float32Array.from(weights), bias: Float32Array.from(biases) });
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
    this.#gradients[Symbol.dispose]();
  }
}

export function outputsOf({ kind, labels }: HeadTarget): number {
  return kind === 'scalar' ? 1 : labels.length;
}
