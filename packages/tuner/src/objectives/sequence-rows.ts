/** Rows of tasks that look at whole sequences: a text, a conversation, or two of them side by side. */
import { manySequenceTokens, type DatasetRecord, type Prompt, type RecordKind } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import { MetadataReader } from '@atelier/llama/gguf';
import type { TaskSettings } from '../contract/index.ts';
import { layOut, type BatchArrays, type BatchLayout } from '../run/batch.ts';
import type { ObjectiveData, Setting } from './objective.ts';
import { allRecords, withPromptModel } from './records.ts';

export type Pooling = NonNullable<TaskSettings['pooling']>;

/** enum llama_pooling_type, as GGUF files say how a model's states are joined. */
const poolingTypes: Record<number, Pooling> = { 1: 'mean', 2: 'cls', 3: 'last' };

/** The spec's pooling, else the model's own, else the mean of an encoder and the last of a decoder, which alone has seen all. */
export function poolingOf({ spec, weights, base, baseModel }: Setting): Pooling {
  const { architecture, traits } = weights.config;
  const own = new MetadataReader(base.metadata, baseModel).number(`${architecture}.pooling_type`);
  return spec.taskSettings.pooling ?? poolingTypes[own ?? 0] ?? (traits.kind === 'encoder' ? 'mean' : 'last');
}

/** A record with its place, counted from 1 over all files. */
export type Placed<Kind extends RecordKind> = {
  readonly line: number;
  readonly record: Extract<DatasetRecord, { kind: Kind }>;
};

/** A record's sequences, one after the other, and what training knows of it. */
export type SequenceRow<Known> = { readonly sequences: readonly Int32Array[]; readonly known: Known };

export type SequenceRows<Known> = { readonly rows: readonly SequenceRow<Known>[]; readonly truncated: number };

/** Records tokenised together, so that the renderer gets whole batches. */
const batchRecords = 256;

/**
 * Rows of record files. `read` says which sequences a record has and what is known of it, or undefined when there is nothing
 * to learn from it. Fails with `invalid_dataset` for records of another kind and for empty sequences.
 */
export async function readSequences<Kind extends RecordKind, Known>(
  setting: Setting,
  files: readonly string[],
  kind: Kind,
  read: (
    placed: Placed<Kind>,
    model: { readonly hasTemplate: boolean },
  ) => { prompts: Prompt[]; known: Known } | undefined,
): Promise<SequenceRows<Known>> {
  if (files.length === 0) return { rows: [], truncated: 0 };
  return withPromptModel(setting, async (model) => {
    const rows: SequenceRow<Known>[] = [];
    let truncated = 0;
    let pending: { line: number; prompts: Prompt[]; known: Known }[] = [];
    const flush = async (): Promise<void> => {
      const made = await manySequenceTokens(
        model,
        pending.flatMap(({ prompts }) => prompts),
        setting.limit,
      );
      let at = 0;
      for (const { line, prompts: own, known } of pending) {
        const parts = made.slice(at, (at += own.length));
        if (parts.some(({ tokens }) => tokens.length === 0))
          throw new AtelierError('invalid_dataset', { line, field: 'text', reason: 'must not be empty' });
        if (parts.some(({ isCut }) => isCut)) truncated++;
        rows.push({ sequences: parts.map(({ tokens }) => tokens), known });
      }
      pending = [];
    };
    let line = 0;
    for await (const record of allRecords(files)) {
      line++;
      requireKind(record, line, setting.spec.task, kind);
      const made = read({ line, record }, { hasTemplate: model.template !== undefined });
      if (made) pending.push({ line, ...made });
      if (pending.length === batchRecords) await flush();
    }
    await flush();
    if (rows.length === 0) throw new AtelierError('training_failed', { reason: 'no row has anything to learn from' });
    return { rows, truncated };
  });
}

/** Throws `invalid_dataset` unless the record is of the kind that the task takes. */
export function requireKind<Kind extends RecordKind>(
  record: DatasetRecord,
  line: number,
  task: string,
  kind: Kind,
): asserts record is Extract<DatasetRecord, { kind: Kind }> {
  if (record.kind !== kind)
    throw new AtelierError('invalid_dataset', {
      line,
      field: 'kind',
      reason: `is ${record.kind}; task ${task} takes ${kind}`,
    });
}

/** What a row's loss needs, as arrays with room for `layout.rows` rows, and the rows' weights together. */
export type RowInputs<Known> = (
  known: readonly Known[],
  layout: BatchLayout,
) => { readonly inputs: BatchArrays['inputs']; readonly weightSum: number };

/**
 * Rows as the training loop takes them. Besides what `inputs` gives, a batch has what pools each row's sequences (see
 * pooling.ts): `rowOf`, `share.0`, and `share.1` of second sequences.
 */
export function sequenceData<Known>(
  { rows, truncated }: SequenceRows<Known>,
  pooling: Pooling,
  inputs: RowInputs<Known>,
): ObjectiveData {
  const sizes = rows.map(({ sequences }) => ({
    tokens: total(sequences),
    wanted: pooling === 'mean' ? total(sequences) : sequences.length,
  }));
  return {
    rows: sizes,
    tokens: sizes.reduce((sum, { tokens }) => sum + tokens, 0),
    supervised: rows.length,
    truncated,
    layOut(bins, layout) {
      const arrays = layOut(
        bins.map((bin) =>
          sideBySide(
            bin.flatMap((row) => rows[row]!.sequences),
            pooling,
          ),
        ),
        layout,
      );
      const chosen = bins.flat().map((row) => rows[row]!);
      const made = inputs(
        chosen.map(({ known }) => known),
        layout,
      );
      return {
        ...arrays,
        weightSum: made.weightSum,
        rowCount: chosen.length,
        inputs: { ...shares(chosen, pooling, layout.wanted), ...made.inputs },
      };
    },
  };
}

function total(sequences: readonly Int32Array[]): number {
  return sequences.reduce((sum, { length }) => sum + length, 0);
}

/** A bin of sequences; a target marks a position whose hidden state is wanted. */
function sideBySide(sequences: readonly Int32Array[], pooling: Pooling): Parameters<typeof layOut>[0][number] {
  const length = total(sequences);
  const bin = {
    tokens: new Int32Array(length),
    positions: new Int32Array(length),
    rowStarts: new Int32Array(sequences.length),
    targets: new Int32Array(length).fill(-1),
    weights: new Float32Array(length),
  };
  let start = 0;
  for (const [index, sequence] of sequences.entries()) {
    bin.rowStarts[index] = start;
    bin.tokens.set(sequence, start);
    for (let i = 0; i < sequence.length; i++) bin.positions[start + i] = i;
    const end = start + sequence.length;
    if (pooling === 'mean') bin.targets.fill(0, start, end);
    else bin.targets[pooling === 'cls' ? start : end - 1] = 0;
    start = end;
  }
  return bin;
}

function shares<Known>(
  rows: readonly SequenceRow<Known>[],
  pooling: Pooling,
  wanted: number,
): Record<string, Int32Array | Float32Array> {
  const rowOf = new Int32Array(wanted);
  const each = Array.from({ length: rows[0]?.sequences.length ?? 0 }, () => new Float32Array(wanted));
  let position = 0;
  for (const [row, { sequences }] of rows.entries()) {
    for (const [index, { length }] of sequences.entries()) {
      const next = position + (pooling === 'mean' ? length : 1);
      rowOf.fill(row, position, next);
      each[index]!.fill(1 / (next - position), position, next);
      position = next;
    }
  }
  return { rowOf, ...Object.fromEntries(each.map((share, index) => [`share.${index}`, share])) };
}
