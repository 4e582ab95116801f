/** Next-token prediction over conversations, completions and texts. */
import { createRowBuilder, microBatch, type DatasetRecord, type TokenRow } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { Tensor } from '../graph/operators.ts';
import { download, downloadIntegers, upload } from '../graph/memory.ts';
import { I32 } from '../graph/tape.ts';
import { outputHead } from '../models/hidden-states.ts';
import { crossEntropy, lossChunks, type LossOutcome, type LossRows } from '../operations/cross-entropy.ts';
import { gatherRows } from '../operations/rows.ts';
import { layOut } from '../run/batch.ts';
import type { BuildLoss, Metrics, Objective, ObjectiveData, Setting } from './objective.ts';
import { allRecords, withPromptModel } from './records.ts';

export async function generation(setting: Setting): Promise<Objective> {
  const { promptLossWeight } = setting.spec.hyperParameters;
  return {
    training: tokenRows(await readTokenRows(setting, setting.train, promptLossWeight)),
    validation: tokenRows(await readTokenRows(setting, setting.validation, 0)),
    buildLoss: nextTokenLoss,
    countsRows: false,
    metrics: tokenMetrics,
  };
}

/** Tokenises record files with the base model's own vocabulary and chat template. Rows are cut at the limit, texts go on in further rows; `promptWeight` is the loss weight of tokens that have none. */
export async function readTokenRows(
  setting: Pick<Setting, 'spec' | 'baseModel' | 'limit' | 'now'>,
  files: readonly string[],
  promptWeight: number,
): Promise<{ rows: TokenRow[]; truncated: number }> {
  if (files.length === 0) return { rows: [], truncated: 0 };
  const { limit, spec } = setting;
  return withPromptModel(setting, async (model) => {
    const builder = createRowBuilder({
      ...model,
      promptFormat: model.template === undefined ? 'raw' : spec.promptFormat,
      maxTokens: limit,
      promptWeight,
      fim: { suffixFirstShare: spec.hyperParameters.fimSuffixFirstShare, seed: spec.seed },
    });
    const rows: TokenRow[] = [];
    let truncated = 0;
    for await (const row of builder.rows(generable(allRecords(files)))) {
      let kept = row;
      if (row.tokens.length > limit) {
        truncated++;
        kept = { tokens: row.tokens.slice(0, limit), weights: row.weights.slice(0, limit) };
      }
      if (supervisedTokens(kept.weights) > 0) rows.push(kept);
    }
    if (rows.length === 0) throw new AtelierError('training_failed', { reason: 'no row has anything to learn from' });
    return { rows, truncated };
  });
}

const kinds = ['conversation', 'completion', 'text', 'fim'];

async function* generable(records: AsyncIterable<DatasetRecord>): AsyncIterable<DatasetRecord> {
  let line = 0;
  for await (const record of records) {
    line++;
    if (!kinds.includes(record.kind))
      throw new AtelierError('invalid_dataset', {
        line,
        field: 'kind',
        reason: `is ${record.kind}; task generation takes ${kinds.join(', ')}`,
      });
    yield record;
  }
}

/** Rows as the training loop takes them. */
export function tokenRows({
  rows,
  truncated,
}: {
  readonly rows: readonly TokenRow[];
  readonly truncated: number;
}): ObjectiveData {
  const sizes = rows.map(({ tokens, weights }) => ({ tokens: tokens.length, wanted: supervisedTokens(weights) }));
  const total = (key: 'tokens' | 'wanted'): number => sizes.reduce((sum, size) => sum + size[key], 0);
  return {
    rows: sizes,
    tokens: total('tokens'),
    supervised: total('wanted'),
    truncated,
    layOut: (bins, layout) =>
      layOut(
        bins.map((bin) => microBatch(bin.map((row) => rows[row]!))),
        layout,
      ),
  };
}

function supervisedTokens(weights: Float32Array): number {
  let count = 0;
  for (let i = 1; i < weights.length; i++) if (weights[i]! > 0) count++;
  return count;
}

/** Cross-entropy of the next token through the model's output head, in chunks (see cross-entropy.ts). */
export const nextTokenLoss: BuildLoss = ({ device, tape, memory, weights, hidden, layout, train }) => {
  const { vocabulary } = weights.config;
  const chunks: (LossRows & { readonly from: number; readonly indices?: Tensor })[] = [];
  const outcomes: LossOutcome[] = [];
  const counts = lossChunks(layout.wanted, vocabulary);
  let from = 0;
  for (const rows of counts) {
    const indices = counts.length > 1 ? memory.reserve([rows], I32) : undefined;
    const chunk = { rows, from, targets: memory.reserve([rows], I32), weights: memory.reserve([rows]) };
    const x = indices ? gatherRows(tape, hidden, indices, rows, 'chunk of hidden') : hidden;
    outcomes.push(crossEntropy(tape, outputHead(weights), { x, labels: chunk }, train));
    chunks.push(indices ? { ...chunk, indices } : chunk);
    from += rows;
  }
  return {
    outputs: outcomes.flatMap(({ loss, predicted }) => (predicted ? [loss, predicted] : [loss])),
    upload(batch) {
      for (const { rows, from: first, targets, weights: lossWeights, indices } of chunks) {
        if (indices)
          upload(
            device,
            indices,
            Int32Array.from({ length: rows }, (_, i) => first + i),
          );
        upload(
          device,
          targets,
          batch.targets.slice(first, first + rows).map((target, row) => row * vocabulary + target),
        );
        upload(device, lossWeights, batch.weights.slice(first, first + rows));
      }
    },
    read() {
      const predicted = new Int32Array(layout.wanted);
      let loss = 0;
      for (const [index, outcome] of outcomes.entries()) {
        loss += download(device, outcome.loss)[0]!;
        if (outcome.predicted) predicted.set(downloadIntegers(device, outcome.predicted), chunks[index]!.from);
      }
      return { loss, outputs: { predicted } };
    },
  };
};

function tokenMetrics(): Metrics {
  let right = 0;
  let tokens = 0;
  return {
    add({ weights, targets }, { outputs }) {
      for (let i = 0; i < weights.length; i++) {
        if (weights[i] === 0) continue;
        tokens++;
        if (outputs['predicted']![i] === targets[i]) right++;
      }
    },
    summary: () => ({ tokenAccuracy: right / tokens, tokens }),
  };
}
