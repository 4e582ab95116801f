/**
 * The training loop, read top to bottom: plan, then micro-batches, optimizer steps, validations and checkpoints until the
 * steps are done. Everything a step depends on is a function of the spec and the step's place in the data, so a run that
 * was killed and resumed ends with the same bytes.
 */
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { AtelierError } from '@atelier/errors';
import { Device } from '../graph/device.ts';
import { Weights } from '../models/weights.ts';
import { Optimizer } from '../optimizers/optimizer.ts';
import { learningRate } from '../schedule.ts';
import { createObjective } from '../objectives/create-objective.ts';
import type { BuildLoss, Objective, StopRequest, ValidationMetrics } from '../objectives/objective.ts';
import type { BatchLayout } from './batch.ts';
import { BatchProgram, type BatchOptions } from './batch-program.ts';
import {
  listCheckpoints,
  loadState,
  newestState,
  pruneCheckpoints,
  saveCheckpoint,
  type Manifest,
  type StateTensor,
} from './checkpoint.ts';
import type { Epoch } from './dataset.ts';
import type { EventLog } from './event-log.ts';
import { adapterIsServed, graphOptions, loraOptions, servedFile, trainedParameters } from './method.ts';
import { requireRoom } from './preflight/require-room.ts';
import { readRun, settingOf } from './read-run.ts';
import { answerSamples, readSamples } from './samples.ts';
import { Speedometer, timesLeft } from './speedometer.ts';
import { checkpointStepsOf, planSteps } from './steps.ts';
import { DivergenceWatch, pastEvents, ValidationWatch } from './watch.ts';

/** How a run ended. `interrupted` means: saved, to be resumed. */
export type Outcome = 'succeeded' | 'cancelled' | 'interrupted';

/** Seconds between resume points when no checkpoint comes sooner. */
const autosaveSeconds = 120;

export async function train(directory: string, log: EventLog, stop: StopRequest): Promise<Outcome> {
  const run = await readRun(directory);
  const { spec, specHash, baseModel, base } = run;
  const h = spec.hyperParameters;

  const begun = log.past.find((event) => event.type === 'plan');
  using device = Device.open({ gpu: spec.gpu, threads: spec.threads ?? begun?.threads });
  const lora = loraOptions(spec);
  using weights = Weights.reserve(device, baseModel, base, lora);
  const setting = settingOf(run, device, weights);
  const objective = await createObjective(setting);
  const samples = await readSamples(setting);
  using head = objective.head;
  const { training: data, validation: held } = objective;
  const memory = await requireRoom({ spec, baseModel, base, objective, samples });
  await weights.fill();
  const stopped = await objective.prepare?.({ directory, spec: specHash, stop });
  if (stopped) return stopped;
  const parameters = trainedParameters(weights, head);
  using optimizer = new Optimizer(device, parameters, h);

  const steps = planSteps(spec, weights, data.rows, held.rows, objective.countsRows);
  const { batchesOf, stepsOf, layoutOf, validation: heldBatches } = steps;
  const totalSteps = steps.total();
  let epochNumber = 0;
  let batches = batchesOf(0);

  const checkpointSteps = checkpointStepsOf(h, totalSteps);
  const state: StateTensor[] = [
    ...parameters.map(({ name, value }) => ({ name, shape: value.shape, tensor: value.tensor })),
    ...[...optimizer.state].map(([name, tensor]) => ({
      name: `optimizer.${name}`,
      shape: [Number(device.c.ggml_nelements(tensor))],
      tensor,
    })),
  ];
  const checkpoints = path.join(directory, 'checkpoints');
  let manifests = await listCheckpoints(checkpoints, specHash);
  const start = await newestState(checkpoints, manifests);
  let step = start?.step ?? 0;
  let batchIndex = start?.cursor.batch ?? 0;
  if (start) {
    await loadState(device, checkpoints, start, state);
    if (start.cursor.epoch !== 0) batches = batchesOf((epochNumber = start.cursor.epoch));
    manifests = manifests.filter((manifest) => manifest.step <= start.step);
  }

  const divergence = new DivergenceWatch(h.divergenceFactor);
  for (const past of pastEvents(log.past, 'step', step)) divergence.add(past.step, past.loss, past.gradientNorm);
  const validations = new ValidationWatch(h.earlyStoppingMinDelta);
  for (const past of pastEvents(log.past, 'validation', step)) validations.add(past.step, past.loss);

  using graphs = new GraphCache(device, weights, objective.buildLoss, graphOptions(spec));
  let program = graphs.get(layoutOf(batches), true);
  announceMissing(log, manifests, validations);
  log.write({
    type: 'plan',
    totalSteps,
    epochs: h.steps === undefined ? h.epochs : totalSteps / stepsOf(batches),
    rows: data.rows.length,
    tokensPerEpoch: data.tokens,
    supervisedTokensPerEpoch: data.supervised,
    truncatedRows: data.truncated,
    trainableParameters: parameters.reduce((sum, { value }) => sum + value.shape.reduce((a, b) => a * b, 1), 0),
    parameters: weights.size,
    bytes: memory.total,
    backend: device.name,
    blas: device.blas?.name ?? null,
    threads: device.threads,
    resumedFrom: step,
  });
  log.write({ type: 'state', state: 'running' });

  const save = async (reason: Manifest['reason']): Promise<void> => {
    const { file, write } = servedFile(device, weights, { path: baseModel, file: base }, lora);
    const manifest = await saveCheckpoint(
      device,
      checkpoints,
      state,
      {
        step,
        cursor: { epoch: epochNumber, batch: batchIndex },
        reason,
        epoch: epochNumber + batchIndex / batches.length,
        spec: specHash,
      },
      reason === 'scheduled' ? { file, write, head: head?.file() } : undefined,
    );
    manifests = [...manifests.filter((other) => other.step !== step), manifest];
    announce(log, manifest, validations);
    // What comes before a divergence is worth more than what comes of it.
    if (!divergence.suspicious) await pruneCheckpoints(checkpoints, manifests, h.keepStates);
    manifests = manifests.filter(
      (other, index) => other.reason === 'scheduled' || index >= manifests.length - h.keepStates,
    );
    lastSave = Date.now();
  };
  const validate = async (): Promise<void> => {
    for (const answer of await answerSamples(setting, samples, stop.requested))
      log.write({ type: 'sample', step, ...answer });
    if (held.rows.length === 0) return;
    const measured = await validation(objective, heldBatches, graphs.get(layoutOf(heldBatches), false));
    log.write({ type: 'validation', step, best: validations.add(step, measured.loss), ...measured });
  };
  let lastSave = Date.now();
  const speed = new Speedometer();
  const positions = (layout: BatchLayout | undefined): number => (layout ? layout.length * layout.bins : 0);
  // A validation also asks the samples, once for each token of their answers.
  const validationPositions =
    heldBatches.length * positions(layoutOf(heldBatches)) + spec.samples.maxTokens * positions(samples.layout);
  const validationMicroBatches = validationPositions / positions(program.layout);
  const savedNumbers =
    state.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0) +
    (adapterIsServed(spec) ? 0 : weights.size);

  while (step < totalSteps) {
    if (batchIndex >= batches.length) {
      batches = batchesOf(++epochNumber);
      batchIndex = 0;
      program = graphs.get(layoutOf(batches), true);
    }
    weights.clearGradients();
    head?.clearGradients();
    let loss = 0;
    let weightSum = 0;
    let tokens = 0;
    const measured = objective.stepMetrics?.();
    const until = Math.min(batches.length, batchIndex + h.gradientAccumulation);
    const first = batchIndex;
    for (let index = first; index < until; index++) {
      await setImmediate();
      const request = stop.requested();
      if (request === 'cancelled') return 'cancelled';
      if (request === 'interrupted') {
        // A scheduled checkpoint of this step is a result, and resumes as well.
        if (manifests.at(-1)?.step !== step) await save('interrupted');
        return 'interrupted';
      }
      const batch = data.layOut(batches.at(index), program.layout);
      const result = program.run(batch, spec.seed, 2, epochNumber, index);
      loss += result.loss;
      measured?.add(batch, result);
      weightSum += batch.weightSum;
      tokens += batch.tokenCount;
    }
    step++;
    batchIndex = until;
    const rate = learningRate(h, step, totalSteps);
    const gradientNorm = optimizer.step(rate, step, weightSum);
    const mean = loss / weightSum;
    const wrong = divergence.add(step, mean, gradientNorm);
    if (wrong) {
      const good = manifests.findLast((manifest) => manifest.step <= divergence.lastGoodStep);
      const kept = good ? `the checkpoint of step ${good.step} is from before` : 'no checkpoint is from before';
      throw new AtelierError('training_failed', {
        reason: `Training diverged: ${wrong}; ${kept}. Try a lower learning rate than ${h.learningRate}`,
        ...(good && { lastGoodStep: good.step }),
      });
    }
    speed.step(tokens, until - first);
    const stepEnded = Date.now();
    const epoch = epochNumber + batchIndex / batches.length;
    const left = {
      step,
      total: totalSteps,
      epoch,
      epochs: h.steps === undefined ? h.epochs : totalSteps / stepsOf(batches),
    };
    const validationSteps = h.validationSteps ?? checkpointSteps;
    const due = (every: number | undefined): boolean =>
      step === totalSteps || (every === undefined ? batchIndex >= batches.length : step % every === 0);
    // Those of this step still come.
    const times = (every: number | undefined): number => timesLeft(every, left) + (due(every) ? 1 : 0);
    log.write({
      type: 'step',
      step,
      epoch,
      loss: mean,
      learningRate: rate,
      gradientNorm,
      tokens,
      tokensPerSecond: speed.tokensPerSecond,
      secondsLeft: speed.secondsLeft({
        microBatches: ((totalSteps - step) * batches.length) / stepsOf(batches),
        validations: held.rows.length > 0 || samples.layout ? times(validationSteps) : 0,
        validationMicroBatches,
        saves: times(checkpointSteps),
        savedNumbers,
      }),
      ...measured?.summary(),
    });
    if (due(validationSteps)) {
      await validate();
      speed.pause('validation');
    }
    const stopping = h.earlyStoppingPatience !== undefined && validations.withoutImprovement >= h.earlyStoppingPatience;
    // With early stopping the best is what counts: it must be there even where no checkpoint is due.
    const best = h.earlyStoppingPatience !== undefined && validations.bestStep === step;
    if (due(checkpointSteps) || best) await save('scheduled');
    else if (Date.now() - lastSave > autosaveSeconds * 1000) await save('autosave');
    if (lastSave >= stepEnded) speed.pause('save');
    if (stopping) {
      const bestStep = validations.bestStep!;
      log.write({ type: 'early-stop', step, bestStep, bestLoss: validations.at(bestStep)!.loss });
      break;
    }
  }
  return 'succeeded';
}

function announce(log: EventLog, manifest: Manifest, validations: ValidationWatch): void {
  if (manifest.reason !== 'scheduled' || !manifest.weights) return;
  const measured = validations.at(manifest.step);
  log.write({
    type: 'checkpoint',
    step: manifest.step,
    epoch: manifest.epoch,
    path: `checkpoints/${manifest.step}`,
    file: manifest.weights.file,
    sha256: manifest.weights.sha256,
    bytes: manifest.weights.bytes,
    ...(measured && { validationLoss: measured.loss, best: measured.best }),
    ...(manifest.head ? { head: manifest.head } : {}),
  });
}

/** A kill between a checkpoint's rename and its event leaves one unannounced. */
function announceMissing(log: EventLog, manifests: readonly Manifest[], validations: ValidationWatch): void {
  const announced = new Set(log.past.filter((event) => event.type === 'checkpoint').map((event) => event.step));
  for (const manifest of manifests) if (!announced.has(manifest.step)) announce(log, manifest, validations);
}

async function validation(
  { validation: held, metrics }: Objective,
  batches: Epoch,
  program: BatchProgram,
): Promise<{ loss: number } & ValidationMetrics> {
  const measured = metrics();
  let loss = 0;
  let weight = 0;
  for (let index = 0; index < batches.length; index++) {
    await setImmediate();
    const batch = held.layOut(batches.at(index), program.layout);
    const result = program.run(batch);
    loss += result.loss;
    weight += batch.weightSum;
    measured.add(batch, result);
  }
  return { loss: loss / weight, ...measured.summary() };
}

/** The training graph and the validation graph; a new layout replaces the old one. */
class GraphCache implements Disposable {
  readonly #device: Device;
  readonly #weights: Weights;
  readonly #buildLoss: BuildLoss;
  readonly #options: Omit<BatchOptions, 'train'>;
  readonly #programs = new Map<boolean, BatchProgram>();

  constructor(device: Device, weights: Weights, buildLoss: BuildLoss, options: Omit<BatchOptions, 'train'>) {
    this.#device = device;
    this.#weights = weights;
    this.#buildLoss = buildLoss;
    this.#options = options;
  }

  get(layout: BatchLayout, trainable: boolean): BatchProgram {
    const current = this.#programs.get(trainable);
    if (current && (Object.keys(layout) as (keyof BatchLayout)[]).every((key) => current.layout[key] === layout[key]))
      return current;
    current?.[Symbol.dispose]();
    this.#programs.delete(trainable);
    const program = new BatchProgram(this.#device, this.#weights, this.#buildLoss, layout, {
      train: trainable,
      ...this.#options,
    });
    this.#programs.set(trainable, program);
    return program;
  }

  [Symbol.dispose](): void {
    for (const program of this.#programs.values()) program[Symbol.dispose]();
  }
}
