/** Classification and regression: linear layers on the pooled hidden state, one for each target. */
import type { Prompt } from '@atelier/data';
import { download } from '../graph/memory.ts';
import { addBias } from '../operations/elementwise.ts';
import { linear } from '../operations/linear.ts';
import { sigmoidLoss, softmaxLoss, squaredLoss } from '../operations/row-losses.ts';
import { LinearHead, outputsOf, type Unit } from './linear-head.ts';
import type { BuildLoss, Objective, Setting } from './objective.ts';
import { allRecords } from './records.ts';
import { scoreMetrics } from './score-metrics.ts';
import { RowInputsOnDevice } from './row-inputs.ts';
import { priorsOf } from './priors.ts';
import { poolingOf, readSequences, requireKind, sequenceData, type RowInputs } from './sequence-rows.ts';
import {
  classificationTargets,
  knownOf,
  regressionTargets,
  unitsOf,
  type Known,
  type PlacedLabels,
  type Target,
} from './targets.ts';

export function classification(setting: Setting): Promise<Objective> {
  return scores(setting, 'classification', classificationTargets);
}

export function regression(setting: Setting): Promise<Objective> {
  return scores(setting, 'regression', regressionTargets);
}

async function scores(
  setting: Setting,
  task: 'classification' | 'regression',
  findTargets: typeof classificationTargets,
): Promise<Objective> {
  const { device, weights, spec } = setting;
  const { targets: given } = spec.taskSettings;
  const pooling = poolingOf(setting);
  const targets = await findTargets(given, labelled(task, setting.train));
  const read = (files: readonly string[]): ReturnType<typeof readSequences<'labelled', Known>> =>
    readSequences(setting, files, 'labelled', (placed) => {
      const known = knownOf(targets, placed);
      const { record } = placed;
      const prompt: Prompt =
        'text' in record ? { kind: 'raw', text: record.text } : { kind: 'chat', messages: record.messages };
      return known && { prompts: [prompt], known };
    });
  const training = await read(setting.train);
  const units =
    task === 'regression'
      ? unitsOf(
          targets,
          training.rows.map(({ known }) => known),
        )
      : [];
  const facts = {
    task,
    pooling,
    normalise: false,
    width: weights.config.width,
    targets: targets.map(({ name, kind, labels }) => ({ name, kind, labels: [...labels] })),
  };
  const biases = priorsOf(
    targets,
    training.rows.map(({ known }) => known),
  );
  const head = new LinearHead(device, facts, units, biases);
  const inputs = inputsOf(targets, units);
  return {
    training: sequenceData(training, pooling, inputs),
    validation: sequenceData(await read(setting.validation), pooling, inputs),
    buildLoss: scoreLoss(targets, head),
    countsRows: true,
    metrics: () => scoreMetrics(targets, units),
    head,
  };
}

async function* labelled(task: string, files: readonly string[]): AsyncIterable<PlacedLabels> {
  let line = 0;
  for await (const record of allRecords(files)) {
    requireKind(record, ++line, task, 'labelled');
    yield { line, record };
  }
}

/** `targets.<i>` F32 [outputs, rows] and `weights.<i>`: [1, rows] of softmax targets, [outputs, rows] of the others. */
function inputsOf(targets: readonly Target[], units: readonly Unit[]): RowInputs<Known> {
  return (known, { rows: room = 0 }) => {
    const inputs: Record<string, Float32Array> = {};
    for (const [index, target] of targets.entries()) {
      const outputs = outputsOf(target);
      const single = target.kind === 'single';
      const wanted = new Float32Array(outputs * room);
      const weights = new Float32Array((single ? 1 : outputs) * room);
      const { mean: middle, deviation } = units[index] ?? { mean: 0, deviation: 1 };
      for (const [row, { values, weight }] of known.entries()) {
        const value = values[index];
        if (!value) continue;
        // A target counts the same however many of its labels are known.
        const share = (target.weight * weight) / (single ? 1 : value.filter((each) => !Number.isNaN(each)).length);
        if (single) weights[row] = share;
        for (const [output, each] of value.entries()) {
          if (Number.isNaN(each)) continue;
          wanted[row * outputs + output] = (each - middle) / deviation;
          if (!single) weights[row * outputs + output] = share;
        }
      }
      inputs[`targets.${index}`] = wanted;
      inputs[`weights.${index}`] = weights;
    }
    return { inputs, weightSum: known.reduce((sum, { weight }) => sum + weight, 0) };
  };
}

const lossOf = { single: softmaxLoss, multi: sigmoidLoss, scalar: squaredLoss };

function scoreLoss(targets: readonly Target[], head: LinearHead): BuildLoss {
  return ({ device, tape, memory, hidden, layout, train }) => {
    const { rows = 0 } = layout;
    const given = new RowInputsOnDevice(device, memory);
    const pooled = given.pool(tape, hidden, 'share.0', layout);
    const parts = targets.map((target, index) => {
      const outputs = outputsOf(target);
      const { weight, bias } = head.layer(index);
      const raw = addBias(tape, linear(tape, weight, pooled), bias);
      const loss = lossOf[target.kind](
        tape,
        raw,
        given.input(`targets.${index}`, [outputs, rows]),
        given.input(`weights.${index}`, [target.kind === 'single' ? 1 : outputs, rows]),
        train,
      );
      return { raw: raw.tensor, loss };
    });
    return {
      outputs: parts.flatMap(({ raw, loss }) => (train ? [loss] : [loss, raw])),
      upload: (batch) => given.upload(batch),
      read: () => ({
        loss: parts.reduce((sum, { loss }) => sum + download(device, loss)[0]!, 0),
        outputs: train
          ? {}
          : Object.fromEntries(parts.map(({ raw }, index) => [`raw.${index}`, download(device, raw)])),
      }),
    };
  };
}
