/** A reward model from preferences: a scalar on the pooled hidden state, trained as Bradley and Terry (1952) have it. */
import type { Prompt } from '@atelier/data';
import { download } from '../graph/memory.ts';
import { linear } from '../operations/linear.ts';
import { sigmoidLoss } from '../operations/row-losses.ts';
import { LinearHead } from './linear-head.ts';
import type { BuildLoss, Metrics, Objective, ObjectiveData, Setting } from './objective.ts';
import { RowInputsOnDevice } from './row-inputs.ts';
import { poolingOf, readSequences, sequenceData, type Placed } from './sequence-rows.ts';

const target = { name: 'reward', kind: 'scalar' as const, labels: [] };

export async function reward(setting: Setting): Promise<Objective> {
  const { device, weights } = setting;
  const pooling = poolingOf(setting);
  const read = async (files: readonly string[]): Promise<ObjectiveData> => {
    const { rows, truncated } = await readSequences(setting, files, 'preference', ({ record }, { hasTemplate }) => ({
      prompts: [answered(record, record.chosen, hasTemplate), answered(record, record.rejected, hasTemplate)],
      known: undefined,
    }));
    return sequenceData({ rows, truncated }, pooling, (known, { rows: room = 0 }) => {
      const present = new Float32Array(room).fill(1, 0, known.length);
      // The chosen answer is to win: the target of the difference's sigmoid is 1.
      return { inputs: { targets: present, weights: present }, weightSum: known.length };
    });
  };
  const head = new LinearHead(device, {
    task: 'reward',
    pooling,
    normalise: false,
    width: weights.config.width,
    targets: [target],
  });
  return {
    training: await read(setting.train),
    validation: await read(setting.validation),
    buildLoss: rewardLoss(head),
    countsRows: true,
    metrics: winMetrics,
    head,
  };
}

/** A conversation with its answer; without a template a single user message and the answer as one text. */
function answered({ messages }: Placed<'preference'>['record'], answer: string, hasTemplate: boolean): Prompt {
  const [first] = messages;
  if (!hasTemplate && messages.length === 1 && first!.role === 'user')
    return { kind: 'raw', text: first!.content + answer };
  return { kind: 'chat', messages: [...messages, { role: 'assistant', content: answer }] };
}

/** -log sigmoid(r(chosen) - r(rejected)). The bias is no part of a difference and stays 0. */
function rewardLoss(head: LinearHead): BuildLoss {
  return ({ device, tape, memory, hidden, layout, train }) => {
    const { rows = 0 } = layout;
    const given = new RowInputsOnDevice(device, memory);
    const difference = given.pool(tape, hidden, 'difference', layout);
    const margin = linear(tape, head.layer(0).weight, difference);
    const loss = sigmoidLoss(tape, margin, given.input('targets', [1, rows]), given.input('weights', [1, rows]), train);
    return {
      outputs: train ? [loss] : [loss, margin.tensor],
      upload: ({ inputs = {}, ...batch }) =>
        given.upload({
          ...batch,
          // The head is linear, so it may as well look at the difference of the two.
          inputs: { ...inputs, difference: minus(inputs['share.0']!, inputs['share.1']!) },
        }),
      read: () => ({
        loss: download(device, loss)[0]!,
        outputs: train ? {} : { margin: download(device, margin.tensor) },
      }),
    };
  };
}

function minus(a: ArrayLike<number>, b: ArrayLike<number>): Float32Array {
  return Float32Array.from(a, (value, i) => value - b[i]!);
}

function winMetrics(): Metrics {
  let rows = 0;
  let won = 0;
  return {
    add({ rowCount = 0 }, { outputs }) {
      rows += rowCount;
      for (const margin of outputs['margin']!.subarray(0, rowCount)) if (margin > 0) won++;
    },
    summary: () => ({ rows, accuracy: won / rows }),
  };
}
