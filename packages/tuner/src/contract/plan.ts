/** What `tuner plan DIR` prints: what a run would do, take and cost, told without training. */
import { z } from 'zod';
import { methods, tasks } from './spec.ts';

const count = z.int().min(0);

const dataPlanSchema = z.object({
  records: count,
  /** Records whose like has come before in the same files. */
  duplicates: count,
  rows: count,
  tokens: count,
  /** Tokens or, in tasks that count rows, rows that are learnt from. */
  supervised: count,
  /** Rows cut at the longest sequence. */
  truncated: count,
  shortest: count,
  median: count,
  p95: count,
  longest: count,
  /** Rows with `from` to `to` tokens, both included. */
  histogram: z.array(z.object({ from: count, to: count, rows: count })),
});
export type DataPlan = z.infer<typeof dataPlanSchema>;

const memoryPlanSchema = z.object({
  /** Bytes on the device: weights with adapters and their gradients, the head, the optimizer's, the graphs of training, of validation and of samples. */
  weights: count,
  head: count,
  optimizer: count,
  trainingGraph: count,
  validationGraph: count,
  sampleGraph: count,
  /** The process beside them: the program, its libraries and the data, as large as it will be. */
  process: count,
  /** Copies on their way to files of checkpoints. */
  files: count,
  total: count,
});
export type MemoryPlan = z.infer<typeof memoryPlanSchema>;

/** Changes of a spec under which it fits, and the bytes it then needs in total. */
const fittingSchema = z.object({
  method: z.enum(methods).exactOptional(),
  hyperParameters: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  total: count,
});
export type Fitting = z.infer<typeof fittingSchema>;

export const runPlanSchema = z.object({
  version: z.literal(1),
  task: z.enum(tasks),
  method: z.enum(methods),
  data: z.object({
    training: dataPlanSchema,
    validation: dataPlanSchema,
    /** Validation records that are training records too. */
    overlap: count,
  }),
  steps: z.object({
    total: count,
    epochs: z.number(),
    /** Of the first epoch. */
    perEpoch: count,
    microBatchesPerEpoch: count,
    /** Of one micro-batch, padding included. */
    positions: count,
    /** Share of positions that are not padding. */
    filled: z.number(),
  }),
  /** Training tokens times epochs. */
  tokenEpochs: z.number(),
  memory: memoryPlanSchema.extend({
    /** The most that `total` may be, and who says so. */
    limit: count,
    limitOf: z.enum(['spec', 'machine', 'device']),
    fits: z.boolean(),
  }),
  /** Null: not known before it was measured (`--time`, or the run's own `secondsLeft`). */
  seconds: z.number().nullable(),
  /** Where it does not fit: the nearest settings that do, each by itself where one is enough. */
  fitting: z.array(fittingSchema),
});
export type RunPlan = z.infer<typeof runPlanSchema>;
