/**
 * Embeddings from pairs of texts that belong together. Without scores: each text must find its second among those of its
 * micro-batch (InfoNCE, van den Oord et al. 2018, arXiv 1807.03748), and each second its first, the mean of both directions;
 * a larger `batchTokens` gives more to tell apart. With scores, from 0 to 1: the cosine of a pair is drawn to its score by
 * the squared difference. Vectors are compared by cosine in either case.
 */
import { AtelierError } from '@atelier/errors';
import { download, downloadIntegers } from '../graph/memory.ts';
import { addGiven, softmaxLoss, squaredLoss } from '../operations/row-losses.ts';
import { normalise, rowDots } from '../operations/cosine.ts';
import { linear } from '../operations/linear.ts';
import { LinearHead } from './linear-head.ts';
import type { BuildLoss, Metrics, Objective, Setting } from './objective.ts';
import { RowInputsOnDevice } from './row-inputs.ts';
import { poolingOf, readSequences, sequenceData, type RowInputs, type SequenceRows } from './sequence-rows.ts';
import { spearman } from './statistics.ts';

type Pair = { readonly first: string; readonly second: string; readonly score: number | undefined };

export async function embedding(setting: Setting): Promise<Objective> {
  const { device, weights, spec } = setting;
  const { temperature, normalise: unit } = spec.taskSettings;
  const pooling = poolingOf(setting);
  let scored: boolean | undefined;
  const read = (files: readonly string[]): Promise<SequenceRows<Pair>> =>
    readSequences(setting, files, 'pair', ({ line, record: { first, second, score } }) => {
      scored ??= score !== undefined;
      if (scored !== (score !== undefined))
        throw new AtelierError('invalid_dataset', {
          line,
          field: 'score',
          reason: scored ? 'is missing, although other pairs have one' : 'is there, although other pairs have none',
        });
      return { prompts: [first, second].map((text) => ({ kind: 'raw', text })), known: { first, second, score } };
    });
  const training = await read(setting.train);
  const held = await read(setting.validation);
  const inputs = scored ? scoreInputs : contrastInputs;
  return {
    training: sequenceData(training, pooling, inputs),
    validation: sequenceData(held, pooling, inputs),
    buildLoss: scored ? cosineLoss : contrastiveLoss(temperature),
    countsRows: true,
    metrics: scored ? scoreMetrics : retrievalMetrics,
    head: new LinearHead(device, {
      task: 'embedding',
      pooling,
      normalise: unit,
      width: weights.config.width,
      targets: [],
    }),
  };
}

/** Far below any similarity over a temperature of 0.001, far above F32's end. */
const never = -1e9;

/** `own` [rows, rows]: a row's own partner; `blocked` [rows, rows], symmetric: pairs that are not to be told apart, and padding; `half` [1, rows]: each direction's share of a row's loss. */
const contrastInputs: RowInputs<Pair> = (pairs, { rows: room = 0 }) => {
  const own = new Float32Array(room * room);
  for (const i of pairs.keys()) own[i * room + i] = 1;
  const blocked = new Float32Array(room * room).fill(never);
  for (const [i, one] of pairs.entries())
    for (const [j, other] of pairs.entries()) {
      // The same text again is no wrong answer, nor are the partners of the same question.
      if (i === j || (one.first !== other.first && one.second !== other.second)) blocked[i * room + j] = 0;
    }
  return {
    inputs: { own, blocked, half: new Float32Array(room).fill(0.5, 0, pairs.length) },
    weightSum: pairs.length,
  };
};

const scoreInputs: RowInputs<Pair> = (pairs, { rows: room = 0 }) => {
  const targets = new Float32Array(room);
  for (const [row, { score }] of pairs.entries()) targets[row] = score!;
  return { inputs: { targets, present: new Float32Array(room).fill(1, 0, pairs.length) }, weightSum: pairs.length };
};

function contrastiveLoss(temperature: number): BuildLoss {
  return ({ device, tape, memory, hidden, layout, train }) => {
    const { rows = 0 } = layout;
    const given = new RowInputsOnDevice(device, memory);
    const [first, second] = [0, 1].map((index) =>
      normalise(tape, given.pool(tape, hidden, `share.${index}`, layout), temperature ** -0.5),
    );
    const own = given.input('own', [rows, rows]);
    const blocked = given.input('blocked', [rows, rows]);
    const half = given.input('half', [1, rows]);
    const forth = addGiven(tape, linear(tape, second!, first!), blocked);
    const back = addGiven(tape, linear(tape, first!, second!), blocked);
    const losses = [forth, back].map((similarity) => softmaxLoss(tape, similarity, own, half, train));
    const nearest = train ? undefined : tape.c.ggml_argmax(tape.context, forth.tensor);
    return {
      outputs: nearest ? [...losses, nearest] : losses,
      upload: (batch) => given.upload(batch),
      read: () => ({
        loss: losses.reduce((sum, loss) => sum + download(device, loss)[0]!, 0),
        outputs: nearest ? { nearest: downloadIntegers(device, nearest) } : {},
      }),
    };
  };
}

const cosineLoss: BuildLoss = ({ device, tape, memory, hidden, layout, train }) => {
  const { rows = 0 } = layout;
  const given = new RowInputsOnDevice(device, memory);
  const [first, second] = [0, 1].map((index) => normalise(tape, given.pool(tape, hidden, `share.${index}`, layout)));
  const cosine = rowDots(tape, first!, second!);
  const loss = squaredLoss(tape, cosine, given.input('targets', [1, rows]), given.input('present', [1, rows]), train);
  return {
    outputs: train ? [loss] : [loss, cosine.tensor],
    upload: (batch) => given.upload(batch),
    read: () => ({
      loss: download(device, loss)[0]!,
      outputs: train ? {} : { cosine: download(device, cosine.tensor) },
    }),
  };
};

function retrievalMetrics(): Metrics {
  let rows = 0;
  let found = 0;
  return {
    add({ rowCount = 0 }, { outputs }) {
      rows += rowCount;
      for (let row = 0; row < rowCount; row++) if (outputs['nearest']![row] === row) found++;
    },
    summary: () => ({ rows, accuracy: found / rows }),
  };
}

function scoreMetrics(): Metrics {
  const cosines: number[] = [];
  const scores: number[] = [];
  return {
    add({ inputs = {}, rowCount = 0 }, { outputs }) {
      cosines.push(...outputs['cosine']!.subarray(0, rowCount));
      scores.push(...inputs['targets']!.subarray(0, rowCount));
    },
    summary: () => ({ rows: scores.length, spearman: spearman(cosines, scores) }),
  };
}
