/** What the preference losses have in common: the log-probabilities of answers, and how a loss looks at them. */
import type { HyperParameters } from '../../contract/index.ts';
import type { Tensor } from '../../graph/operators.ts';
import { download, upload } from '../../graph/memory.ts';
import { I32, type Tape } from '../../graph/tape.ts';
import type { Value } from '../../graph/value.ts';
import { outputHead } from '../../models/hidden-states.ts';
import { lossChunks } from '../../operations/cross-entropy.ts';
import { add } from '../../operations/elementwise.ts';
import { logLikelihood } from '../../operations/log-likelihood.ts';
import { gatherRows } from '../../operations/rows.ts';
import { segmentSums } from '../../operations/segment-sums.ts';
import type { BatchArrays } from '../../run/batch.ts';
import type { BuildLoss } from '../objective.ts';

/** One side of a micro-batch's examples; each value has a number for each example. */
export type Side = {
  /** Log-probability of the answer: the sum over its tokens, or their mean. */
  readonly likelihood: Value;
  /** The same by the reference; a constant, 0 where the loss has no reference. */
  readonly reference: Value;
  /** 1 where the example has this side, else 0; a constant. */
  readonly present: Value;
};

export type Judged = {
  /** The loss of each example. */
  readonly losses: Value;
  /** How much better than the reference the model likes an answer, in the loss's own terms. */
  readonly rewards: { readonly chosen: Value; readonly rejected: Value };
};

export type PreferenceLoss = {
  /** Takes answers without an opposite, and counts answers rather than examples. */
  readonly takesRatings: boolean;
  readonly hasReference: boolean;
  /** Compares means over an answer's tokens rather than sums. */
  readonly perToken: boolean;
  /** Emits the loss of every example; an absent side has likelihood 0. */
  judge(tape: Tape, chosen: Side, rejected: Side, settings: HyperParameters): Judged;
};

type Graph = Parameters<BuildLoss>[0];

type Likelihoods = {
  readonly chosen: Value;
  readonly rejected: Value;
  upload(batch: BatchArrays): void;
};

/** The log-probabilities of both sides by the model, through its output head in chunks. */
function likelihoods({ device, tape, memory, weights, hidden, layout }: Graph): Likelihoods {
  const { vocabulary } = weights.config;
  const { wanted, rows: examples = 0 } = layout;
  const counts = lossChunks(wanted, vocabulary);
  const sides: { chosen?: Value; rejected?: Value } = {};
  const uploads: ((batch: BatchArrays) => void)[] = [];
  let from = 0;
  for (const rows of counts) {
    const first = from;
    from += rows;
    const [targets, members] = [memory.reserve([rows], I32), memory.reserve([rows], I32)];
    const indices = counts.length > 1 ? memory.reserve([rows], I32) : undefined;
    const x = indices ? gatherRows(tape, hidden, indices, rows, 'chunk of hidden') : hidden;
    const tokens = logLikelihood(tape, outputHead(weights), x, targets, counts.length > 1);
    const factors = { chosen: memory.reserve([rows]), rejected: memory.reserve([rows]) };
    for (const side of ['chosen', 'rejected'] as const) {
      const sums = segmentSums(tape, tokens, factors[side], members, examples);
      sides[side] = sides[side] ? add(tape, sides[side], sums) : sums;
    }
    uploads.push(({ targets: labels, inputs }) => {
      const part = <T extends Float32Array | Int32Array>(all: T): T => all.slice(first, first + rows) as T;
      if (indices) upload(device, indices, part(Int32Array.from({ length: from }, (_, i) => i)));
      upload(
        device,
        targets,
        part(labels).map((target, row) => row * vocabulary + target),
      );
      upload(device, members, part(inputs!['examples']!));
      upload(device, factors.chosen, part(inputs!['chosenFactors']!));
      upload(device, factors.rejected, part(inputs!['rejectedFactors']!));
    });
  }
  return {
    chosen: sides.chosen!,
    rejected: sides.rejected!,
    upload: (batch) => {
      for (const one of uploads) one(batch);
    },
  };
}

/** The log-probabilities alone: what a reference thinks of answers. */
export const likelihoodsOnly: BuildLoss = (graph) => {
  const { chosen, rejected, upload: uploadTokens } = likelihoods(graph);
  return {
    outputs: [chosen.tensor, rejected.tensor],
    upload: uploadTokens,
    read: () => ({
      loss: 0,
      outputs: { chosen: download(graph.device, chosen.tensor), rejected: download(graph.device, rejected.tensor) },
    }),
  };
};

/** The end of a micro-batch's graph for a preference loss. */
export function buildPreferenceLoss(loss: PreferenceLoss, settings: HyperParameters): BuildLoss {
  return (graph) => {
    const { device, tape, memory, layout, train } = graph;
    const { c, context } = tape;
    const examples = layout.rows ?? 0;
    const constants: Record<string, Tensor> = {};
    const constant = (name: string): Value => {
      const tensor = (constants[name] = memory.reserve([examples]));
      return { name, tensor, shape: [examples], needsGradient: false };
    };
    const likelihood = likelihoods(graph);
    const side = (name: 'chosen' | 'rejected'): Side => ({
      likelihood: likelihood[name],
      reference: constant(`${name}Reference`),
      present: constant(`${name}Present`),
    });
    const { losses, rewards } = loss.judge(tape, side('chosen'), side('rejected'), settings);
    const present = constant('present');
    const total = c.ggml_sum(context, c.ggml_mul(context, losses.tensor, present.tensor));
    if (train) tape.accumulate(losses, present.tensor, false);
    return {
      outputs: [total, rewards.chosen.tensor, rewards.rejected.tensor],
      upload(batch) {
        likelihood.upload(batch);
        for (const [name, tensor] of Object.entries(constants)) upload(device, tensor, batch.inputs![name]!);
      },
      read: () => ({
        loss: download(device, total)[0]!,
        outputs: {
          chosenRewards: download(device, rewards.chosen.tensor),
          rejectedRewards: download(device, rewards.rejected.tensor),
        },
      }),
    };
  };
}
