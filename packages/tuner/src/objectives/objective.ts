/**
 * What a task adds to the training loop, which is the same for all of them: how records become rows and rows a micro-batch,
 * the loss over hidden states, what a validation measures, and the head beside the model.
 */
import type { HeadFile } from '@atelier/data';
import type { GgufFile } from '@atelier/llama/gguf';
import type { Tensor } from '../graph/operators.ts';
import type { Device } from '../graph/device.ts';
import type { Memory } from '../graph/memory.ts';
import type { Tape } from '../graph/tape.ts';
import type { Value } from '../graph/value.ts';
import type { RunSpec } from '../contract/index.ts';
import type { Parameter, Weights } from '../models/weights.ts';
import type { BatchArrays, BatchLayout } from '../run/batch.ts';

/** What packing must know of a row: its tokens, and the positions whose hidden state the loss wants. */
export type RowSize = { readonly tokens: number; readonly wanted: number };

export type ObjectiveData = {
  readonly rows: readonly RowSize[];
  readonly tokens: number;
  /** Tokens or, where the loss counts rows, rows that are learnt from in an epoch. */
  readonly supervised: number;
  /** Rows that were cut at the limit. */
  readonly truncated: number;
  /** Lays the rows with these indexes out, a list for each bin. */
  layOut(bins: readonly (readonly number[])[], layout: BatchLayout): BatchArrays;
};

export type LossResult = {
  /** Weighted sum over the batch. */
  readonly loss: number;
  /** What the objective's metrics look at. */
  readonly outputs: Readonly<Record<string, Float32Array | Int32Array>>;
};

/** The end of a micro-batch's graph. */
export type LossGraph = {
  /** Tensors that `read` looks at. */
  readonly outputs: readonly Tensor[];
  /** Uploads what the loss needs of a batch; called once the memory is allocated. */
  upload(batch: BatchArrays): void;
  read(): LossResult;
};

/** Emits the loss of `hidden` [width, layout.wanted] and, when training, its gradients; inputs are reserved in `memory`. */
export type BuildLoss = (graph: {
  readonly device: Device;
  readonly tape: Tape;
  readonly memory: Memory;
  readonly weights: Weights;
  readonly hidden: Value;
  readonly layout: BatchLayout;
  readonly train: boolean;
}) => LossGraph;

/** Sums over a validation; `summary` are fields of the `validation` event. */
export type Metrics = {
  add(batch: BatchArrays, result: LossResult): void;
  summary(): ValidationMetrics;
};

export type ValidationMetrics = {
  tokens?: number;
  tokenAccuracy?: number;
  rows?: number;
  accuracy?: number;
  macroF1?: number;
  meanAbsoluteError?: number;
  spearman?: number;
  rewardMargin?: number;
};

/** What may stop a run between two micro-batches. */
export type StopRequest = { readonly requested: () => 'cancelled' | 'interrupted' | undefined };

/** The run that an objective prepares itself for: its directory, and the SHA-256 of its spec. */
export type PreparedRun = { readonly directory: string; readonly spec: string; readonly stop: StopRequest };

/** Parameters beside the model's, and the file that serves them. */
export interface TrainedHead extends Disposable {
  readonly parameters: readonly Parameter[];
  readonly bytes: number;
  clearGradients(): void;
  /** What head.json says of the parameters as they are now. */
  file(): HeadFile;
}

export type Objective = {
  readonly training: ObjectiveData;
  /** Without rows when the run has no validation files. */
  readonly validation: ObjectiveData;
  readonly buildLoss: BuildLoss;
  /** True when the loss counts rows, false when it counts positions: whether a layout needs room for rows. */
  readonly countsRows: boolean;
  metrics(): Metrics;
  /** What a step of training measures, where that is more than its loss. */
  stepMetrics?(): Metrics;
  /**
   * Work that needs the weights as they were before the first step, called at every start while they are. Takes up what
   * an earlier start left in the directory, and returns why it stopped when it did.
   */
  prepare?(run: PreparedRun): Promise<'cancelled' | 'interrupted' | undefined>;
  /** Absent for tasks that end in the model's own output head; those that have one leave that out of training. */
  readonly head?: TrainedHead;
};

/** What an objective is made of. */
export type Setting = {
  readonly spec: RunSpec;
  readonly device: Device;
  readonly weights: Weights;
  /** Absolute paths. */
  readonly baseModel: string;
  /** Its header. */
  readonly base: GgufFile;
  readonly train: readonly string[];
  readonly validation: readonly string[];
  /** Most tokens of one sequence. */
  readonly limit: number;
  /** The time that templates print, in milliseconds. */
  readonly now: number;
};
