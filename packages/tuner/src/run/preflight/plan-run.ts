/** A run's plan, told without training and without taking the memory that training would. */
import type { Fitting, RunPlan } from '../../contract/index.ts';
import { Device } from '../../graph/device.ts';
import { Weights } from '../../models/weights.ts';
import { createObjective } from '../../objectives/create-objective.ts';
import { BatchProgram } from '../batch-program.ts';
import { graphOptions, loraOptions } from '../method.ts';
import { readRun, settingOf, type ReadRun } from '../read-run.ts';
import { readSamples } from '../samples.ts';
import { planSteps, type Steps } from '../steps.ts';
import { planData } from './data-plan.ts';
import { fittingSettings, memoryLimit, planMemory } from './memory-plan.ts';

/** `time`: also loads the model, where it fits, and times its micro-batches. */
export async function planRun(directory: string, { time }: { time: boolean }): Promise<RunPlan> {
  const run = await readRun(directory);
  const { spec, baseModel, base } = run;
  const h = spec.hyperParameters;
  using device = Device.open({ gpu: spec.gpu, threads: spec.threads, planning: true });
  using weights = Weights.reserve(device, baseModel, base, loraOptions(spec));
  const setting = settingOf(run, device, weights);
  const objective = await createObjective(setting);
  using _head = objective.head;
  const { training, validation, countsRows } = objective;
  const steps = planSteps(spec, weights, training.rows, validation.rows, countsRows);
  const batches = steps.batchesOf(0);
  const total = steps.total();
  const positions = batches.binLength * batches.bins;
  const epochs = h.steps === undefined ? h.epochs : total / steps.stepsOf(batches);
  const planned = { spec, baseModel, base, objective, samples: await readSamples(setting) };
  const memory = await planMemory(planned);
  const { limit, limitOf } = memoryLimit(spec);
  const fits = memory.total <= limit;
  const fitting: Fitting[] = fits ? [] : await fittingSettings(planned, limit);
  return {
    version: 1,
    task: spec.task,
    method: spec.method,
    data: await planData({ files: run.train, data: training }, { files: run.validation, data: validation }),
    steps: {
      total,
      epochs,
      perEpoch: steps.stepsOf(batches),
      microBatchesPerEpoch: batches.length,
      positions,
      filled: training.tokens / (batches.length * positions),
    },
    tokenEpochs: training.tokens * epochs,
    memory: { ...memory, limit, limitOf, fits },
    seconds: time && fits ? (await secondsOfMicroBatch(run, steps)) * batches.length * epochs : null,
    fitting,
  };
}

/** Runs of which the fastest counts; the first one also meets its memory for the first time. */
const timedRuns = 3;

async function secondsOfMicroBatch(run: ReadRun, steps: Steps): Promise<number> {
  const { spec, baseModel, base } = run;
  using device = Device.open({ gpu: spec.gpu, threads: spec.threads });
  using weights = await Weights.load(device, baseModel, base, loraOptions(spec));
  const objective = await createObjective(settingOf(run, device, weights));
  using _head = objective.head;
  const batches = steps.batchesOf(0);
  using program = new BatchProgram(device, weights, objective.buildLoss, steps.layoutOf(batches), {
    train: true,
    ...graphOptions(spec),
  });
  const batch = objective.training.layOut(batches.at(0), program.layout);
  let fastest = Infinity;
  for (let i = 0; i < timedRuns; i++) {
    const from = performance.now();
    program.run(batch, spec.seed, 2, 0, 0);
    fastest = Math.min(fastest, (performance.now() - from) / 1000);
  }
  return fastest;
}
