import type { HyperParameters } from '../contract/index.ts';
import type { Device } from '../graph/device.ts';
import type { Memory } from '../graph/memory.ts';
import type { Tensor } from '../graph/operators.ts';
import type { Tape } from '../graph/tape.ts';
import type { Parameter } from '../models/weights.ts';

/** What an update rule adds to the graph of a step. */
export type UpdateRule = {
  /** Tensors to keep between steps and in checkpoints, by name. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** Emits the update of one parameter from its averaged gradient and returns the nodes to compute. */
  emit(tape: Tape, parameter: Parameter, gradient: Tensor): Tensor[];
  /** Writes the numbers that change from step to step. `step` counts from 1. */
  prepare(learningRate: number, step: number): void;
};

export type RuleMaker = (
  device: Device,
  memory: Memory,
  parameters: readonly Parameter[],
  h: HyperParameters,
) => UpdateRule;
