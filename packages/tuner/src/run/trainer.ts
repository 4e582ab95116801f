/**
 * The training loop, read top to bottom: plan, then micro-batches, optimizer steps, validations and checkpoints until the
 * steps are done. Everything a step depends on is a function of the spec and the step's place in the data, so a run that
 * was killed and resumed ends with the same bytes.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { AtelierError } from '@atelier/errors';
import { readGguf } from '@atelier/llama/gguf';
import { Device } from '../graph/device.ts';
import { readConfig } from '../models/config.ts';
import { requireTask } from '../models/trainable.ts';
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
import { binLength, chooseBinLength, packEpoch, rowRoom, wantedRoom, type Epoch } from './dataset.ts';
import type { EventLog } from './event-log.ts';
import { loraOptions, servedFile } from './method.ts';
import { parseSpec } from './spec-file.ts';
import { Speedometer } from './speedometer.ts';
import { DivergenceWatch, pastEvents, ValidationWatch } from './watch.ts';

/** How a run ended. `interrupted` means: saved, to be resumed. */
export type Outcome = 'succeeded' | 'cancelled' | 'interrupted';

/** Seconds between resume points when no checkpoint comes sooner. */
const autosaveSeconds = 120;

export async function train(directory: string, log: EventLog, stop: StopRequest): Promise<Outcome> {
  const specText = await readFile(path.join(directory, 'spec.json'), 'utf8');
  const spec = parseSpec(specText);
  const specHash = createHash('sha256').update(specText).digest('hex');
  const h = spec.hyperParameters;
  const baseModel = path.resolve(directory, spec.baseModel);
  if (!existsSync(baseModel))
    throw new AtelierError('invalid_model_file', { file: spec.baseModel, reason: 'there is no such file' });
  const base = await readGguf(baseModel);
  // Before a device is opened: what cannot be trained is refused at once.
  requireTask(readConfig(base, spec.baseModel), spec.task);

  using device = Device.open({ gpu: spec.gpu, threads: spec.threads });
  const lora = loraOptions(spec);
  using weights = await Weights.load(device, baseModel, base, lora);
  const { config } = weights;
  const limit = Math.min(h.maxSequenceTokens, config.context);
  const files = (names: readonly string[]): string[] => names.map((name) => path.resolve(directory, name));
  // A template may print the date: a run resumed tomorrow must print today's.
  const now = Math.floor((await stat(path.join(directory, 'spec.json'))).mtimeMs);
  const objective = await createObjective({
    spec,
    device,
    weights,
    baseModel,
    base,
    train: files(spec.train),
    validation: files(spec.validation),
    limit,
    now,
  });
  using head = objective.head;
  const { training: data, validation: held } = objective;
  const stopped = await objective.prepare?.({ directory, spec: specHash, stop });
  if (stopped) return stopped;
  // A task with a head of its own does not reach the model's output head.
  const parameters = head
    ? [...weights.parameters.filter(({ name }) => !name.startsWith('output.')), ...head.parameters]
    : weights.parameters;
  using optimizer = new Optimizer(device, parameters, h);

  const linearCost = weights.size;
  const attentionCost = 2 * config.layers * config.heads * config.headSize;
  const length = chooseBinLength(data.rows, h.batchTokens, linearCost, attentionCost);
  const stepsOf = (batches: Epoch): number => Math.ceil(batches.length / h.gradientAccumulation);
  const batchesOf = (epoch: number): Epoch => packEpoch(data.rows, length, h.batchTokens, spec.seed, epoch, h.shuffle);
  // Training rows may all be shorter.
  const heldLength = Math.max(length, binLength(held.rows));
  const heldBatches = packEpoch(held.rows, heldLength, h.batchTokens, 0, 0);
  let epochNumber = 0;
  let batches = batchesOf(0);
  const totalSteps = h.steps ?? totalOf(h.epochs, (epoch) => stepsOf(epoch === 0 ? batches : batchesOf(epoch)));

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

  using graphs = new GraphCache(device, weights, objective.buildLoss, {
    recompute: h.activationCheckpointing,
    dropout: lora ? h.loraDropout : 0,
    noise: h.neftuneAlpha,
  });
  const layoutOf = (epoch: Epoch): BatchLayout => ({
    length: epoch.binLength,
    bins: epoch.bins,
    wanted: wantedRoom(epoch.mostWanted, epoch.binLength * epoch.bins),
    ...(objective.countsRows ? { rows: rowRoom(epoch.mostRows) } : {}),
  });
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
    bytes: weights.bytes + (head?.bytes ?? 0) + optimizer.bytes + program.bytes,
    backend: device.name,
    blas: device.blas?.name ?? null,
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
    if (held.rows.length === 0) return;
    const measured = await validation(objective, heldBatches, graphs.get(layoutOf(heldBatches), false));
    log.write({ type: 'validation', step, best: validations.add(step, measured.loss), ...measured });
  };
  let lastSave = Date.now();
  const speed = new Speedometer();

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
    speed.add(tokens);
    log.write({
      type: 'step',
      step,
      epoch: epochNumber + batchIndex / batches.length,
      loss: mean,
      learningRate: rate,
      gradientNorm,
      tokens,
      tokensPerSecond: speed.tokensPerSecond,
      secondsLeft: speed.secondsPerStep * (totalSteps - step),
      ...measured?.summary(),
    });
    const due = (every: number | undefined): boolean =>
      step === totalSteps || (every === undefined ? batchIndex >= batches.length : step % every === 0);
    if (due(h.validationSteps ?? h.checkpointSteps)) await validate();
    const stopping = h.earlyStoppingPatience !== undefined && validations.withoutImprovement >= h.earlyStoppingPatience;
    // With early stopping the best is what counts: it must be there even where no checkpoint is due.
    const best = h.earlyStoppingPatience !== undefined && validations.bestStep === step;
    if (due(h.checkpointSteps) || best) await save('scheduled');
    else if (Date.now() - lastSave > autosaveSeconds * 1000) await save('autosave');
    if (stopping) {
      const bestStep = validations.bestStep!;
      log.write({ type: 'early-stop', step, bestStep, bestLoss: validations.at(bestStep)!.loss });
      break;
    }
  }
  return 'succeeded';
}

/** Steps of so many epochs; the last may be a part. */
function totalOf(epochs: number, steps: (epoch: number) => number): number {
  let total = 0;
  for (let epoch = 0; epoch < epochs; epoch++) total += Math.ceil(steps(epoch) * Math.min(1, epochs - epoch));
  return total;
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
