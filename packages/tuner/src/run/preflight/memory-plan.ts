/**
 * The memory of a run before it is taken: the run's own weights, optimizer and graphs, built on a device that counts and
 * never allocates (see Device, `planning`). So the figures are those of the run, whatever its task, method or model.
 */
import { availableParallelism } from 'node:os';
import type { GgufFile } from '@atelier/llama/gguf';
import type { Fitting, MemoryPlan, RunPlan, RunSpec } from '../../contract/index.ts';
import { Device } from '../../graph/device.ts';
import { Weights } from '../../models/weights.ts';
import type { Objective, RowSize } from '../../objectives/objective.ts';
import { Optimizer } from '../../optimizers/optimizer.ts';
import { nextTokenLoss } from '../../objectives/generation.ts';
import type { BatchLayout } from '../batch.ts';
import { BatchProgram } from '../batch-program.ts';
import { adapterIsServed, graphOptions, loraOptions, trainedParameters } from '../method.ts';
import type { Samples } from '../samples.ts';
import { planSteps } from '../steps.ts';

/** What a process that has read its data still grows by in its first steps (compiled code, heap), measured. */
const heapGrowth = 32 << 20;

/** Copies on their way to files are dropped soon, and collected once there are so many (V8's limit of external memory). */
const deadBuffers = 64 << 20;

export type PlannedRun = {
  readonly spec: RunSpec;
  /** Absolute path, and its header. */
  readonly baseModel: string;
  readonly base: GgufFile;
  readonly samples: Samples;
  readonly objective: Pick<Objective, 'training' | 'validation' | 'buildLoss' | 'countsRows' | 'head'>;
};

export async function planMemory({ spec, baseModel, base, objective, samples }: PlannedRun): Promise<MemoryPlan> {
  using device = Device.open({ gpu: spec.gpu, threads: spec.threads ?? availableParallelism(), planning: true });
  using weights = Weights.reserve(device, baseModel, base, loraOptions(spec));
  await weights.fill();
  using optimizer = new Optimizer(device, trainedParameters(weights, objective.head), spec.hyperParameters);
  const { training, validation } = clamped(spec, weights.config.context, objective);
  const steps = planSteps(spec, weights, training, validation, objective.countsRows);
  const graphBytes = (layout: BatchLayout, train: boolean, buildLoss = objective.buildLoss): number => {
    using program = new BatchProgram(device, weights, buildLoss, layout, { train, ...graphOptions(spec) });
    return program.bytes;
  };
  const parts = {
    weights: weights.bytes,
    head: objective.head?.bytes ?? 0,
    optimizer: optimizer.bytes,
    trainingGraph: graphBytes(steps.layoutOf(steps.batchesOf(0)), true),
    validationGraph: validation.length > 0 ? graphBytes(steps.layoutOf(steps.validation), false) : 0,
    sampleGraph: samples.layout ? graphBytes(samples.layout, false, nextTokenLoss) : 0,
    process: process.memoryUsage.rss() + heapGrowth,
    files: Math.min(deadBuffers, (adapterIsServed(spec) ? 0 : 4 * weights.size) + optimizer.bytes),
  };
  return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
}

/** Rows as a spec with shorter sequences would cut them. */
function clamped(
  { hyperParameters: { maxSequenceTokens } }: RunSpec,
  context: number,
  { training, validation }: PlannedRun['objective'],
): { training: RowSize[]; validation: RowSize[] } {
  const limit = Math.min(maxSequenceTokens, context);
  const cut = ({ tokens, wanted }: RowSize): RowSize => ({
    tokens: Math.min(tokens, limit),
    wanted: Math.min(wanted, limit),
  });
  return { training: training.rows.map(cut), validation: validation.rows.map(cut) };
}

/** The most memory that a run may take in total: what the spec allows, or what is free. */
export function memoryLimit(spec: RunSpec): Pick<RunPlan['memory'], 'limit' | 'limitOf'> {
  if (spec.memoryLimit !== undefined) return { limit: spec.memoryLimit, limitOf: 'spec' };
  const own = process.memoryUsage.rss();
  if (spec.gpu !== 'off') {
    using device = Device.open({ gpu: spec.gpu, threads: 1, planning: true });
    if (!device.isCpu) return { limit: device.freeBytes + own, limitOf: 'device' };
  }
  return { limit: process.availableMemory() + own, limitOf: 'machine' };
}

/** Settings near those of the spec under which it takes at most `limit` bytes: each alone where one is enough, else all that it takes together. */
export async function fittingSettings(run: PlannedRun, limit: number): Promise<Fitting[]> {
  const totalOf = async (change: Change): Promise<number> =>
    (await planMemory({ ...run, spec: changed(run.spec, change) })).total;
  const ways = changes(run.spec, run.objective.training.rows);
  const alone: Fitting[] = [];
  for (const way of ways)
    for (const change of way) {
      const total = await totalOf(change);
      if (total > limit) continue;
      alone.push({ ...change, total });
      break;
    }
  if (alone.length > 0) return alone;
  const together: { method?: RunSpec['method']; hyperParameters: Change['hyperParameters'] } = { hyperParameters: {} };
  for (const { method, hyperParameters } of ways.flat()) {
    if (method) together.method = method;
    Object.assign(together.hyperParameters, hyperParameters);
    const total = await totalOf(together);
    if (total <= limit) return [{ ...together, total }];
  }
  return [];
}

type Change = Omit<Fitting, 'total'>;

/** What may be changed, the least harmful first; of each, ever further from what was asked. */
function changes({ method, hyperParameters: h }: RunSpec, rows: readonly RowSize[]): Change[][] {
  const longest = rows.reduce((most, { tokens }) => Math.max(most, tokens), 0);
  const halves = (from: number, least: number): number[] => {
    const found: number[] = [];
    for (let value = Math.floor(from / 2); value >= least; value = Math.floor(value / 2)) found.push(value);
    return found;
  };
  const only = (hyperParameters: Change['hyperParameters']): Change => ({ hyperParameters });
  return [
    h.activationCheckpointing ? [] : [only({ activationCheckpointing: true })],
    halves(h.batchTokens, Math.max(16, Math.min(longest, h.batchTokens))).map((batchTokens) =>
      only({
        batchTokens,
        gradientAccumulation: Math.min(4096, h.gradientAccumulation * Math.round(h.batchTokens / batchTokens)),
      }),
    ),
    method === 'full' && h.optimizer !== 'adafactor' ? [only({ optimizer: 'adafactor' })] : [],
    method === 'lora' || method === 'full'
      ? (['q8_0', 'q4_k'] as const).map((quantization) => ({
          method: 'qlora' as const,
          hyperParameters: { quantization },
        }))
      : [],
    halves(Math.min(h.maxSequenceTokens, longest), 8).map((maxSequenceTokens) =>
      only({ maxSequenceTokens, batchTokens: Math.max(16, Math.min(h.batchTokens, maxSequenceTokens)) }),
    ),
  ];
}

function changed(spec: RunSpec, { method, hyperParameters }: Change): RunSpec {
  return {
    ...spec,
    method: method ?? spec.method,
    hyperParameters: { ...spec.hyperParameters, ...hyperParameters } as RunSpec['hyperParameters'],
  };
}
