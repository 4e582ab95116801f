/**
 * The test of a checkpoint of a task that judges or embeds whole texts: what the checkpoint says of each test record is
 * compared with what the record says.
 */
import {
  type DatasetRecord,
  type LabelledRecord,
  type PairRecord,
  readRecords,
  type TargetScores,
} from '@atelier/data';
import type { Engine, SequenceInput } from '@atelier/engine';
import { Decisions, mean, spearman } from '@atelier/tuner/statistics';
import { compared } from '../inference/compare-vectors.ts';
import type { Test, TestParts } from './test-checkpoint.ts';
import { patiently } from './patiently.ts';

/** Records asked at once; also among how many seconds of pairs the right one is looked for. */
const PART = 256;

export type SequenceTask = 'classification' | 'regression' | 'embedding';

/** `results` is a blob of JSONL, a line for each record; the metrics are described in docs/reference/emissary.md. */
export type SequenceOutcome = { metrics: Record<string, number>; results: string | null };

type Scorer = { line(record: DatasetRecord, answer: Answer): object; metrics(): Record<string, number> };
type Answer = { scores: TargetScores[] } | { vectors: [ArrayLike<number>, ArrayLike<number>]; rank: number };

export async function testSequences(
  { engine, blobs }: TestParts,
  task: SequenceTask,
  test: Test,
  signal: AbortSignal,
): Promise<SequenceOutcome> {
  const scorer: Scorer = task === 'embedding' ? pairScorer() : labelScorer();
  let count = 0;

  async function* lines(): AsyncGenerator<Buffer> {
    for await (const records of parts(test.files, task)) {
      const answers = await patiently(() => answersTo(engine, test, records, signal), signal);
      for (const [index, record] of records.entries()) {
        count++;
        yield Buffer.from(`${JSON.stringify(scorer.line(record, answers[index]!))}\n`);
      }
      test.onAnswer?.(count);
    }
  }

  const stored = await blobs.put(lines(), { signal });
  if (count === 0) return { metrics: {}, results: null };
  return { metrics: { examples: count, ...scorer.metrics() }, results: stored.sha256 };
}

async function* parts(files: readonly string[], task: SequenceTask): AsyncGenerator<DatasetRecord[]> {
  let part: DatasetRecord[] = [];
  for (const file of files) {
    for await (const record of readRecords(file)) {
      if (record.kind !== (task === 'embedding' ? 'pair' : 'labelled')) continue;
      part.push(record);
      if (part.length < PART) continue;
      yield part;
      part = [];
    }
  }
  if (part.length > 0) yield part;
}

async function answersTo(
  engine: Engine,
  { model, owner }: Test,
  records: readonly DatasetRecord[],
  signal: AbortSignal,
): Promise<Answer[]> {
  if (records[0]!.kind === 'pair') {
    const pairs = records as PairRecord[];
    const inputs = pairs.flatMap(({ first, second }) => [text(first), text(second)]);
    const { vectors } = await engine.embed({ model, owner, inputs, truncate: true }, signal);
    const seconds = pairs.map((_, index) => vectors[2 * index + 1]!);
    return pairs.map((_, index) => {
      const first = vectors[2 * index]!;
      const own = compared(first, seconds[index]!).cosine;
      const rank = 1 + seconds.filter((second, at) => at !== index && compared(first, second).cosine >= own).length;
      return { vectors: [first, seconds[index]!], rank };
    });
  }
  const inputs = (records as LabelledRecord[]).map((record): SequenceInput =>
    'text' in record ? text(record.text) : { kind: 'chat', messages: record.messages },
  );
  const { results } = await engine.classify({ model: { ...model, head: model.head! }, owner, inputs }, signal);
  return results.map((scores) => ({ scores }));
}

const text = (given: string): SequenceInput => ({ kind: 'text', text: given });

/** Classes: the likeliest of a softmax, each above one half of sigmoids. */
function labelScorer(): Scorer {
  const decisions = new Map<string, Decisions>();
  const correct: number[] = [];
  const numbers = new Map<string, { expected: number[]; predicted: number[] }>();
  return {
    line(record, answer) {
      const { labels, ...input } = record as LabelledRecord;
      const predicted = 'scores' in answer ? answer.scores : [];
      for (const { name, kind, labels: names, values } of predicted) {
        const expected = Object.hasOwn(labels, name) ? labels[name] : undefined;
        if (expected === undefined) continue;
        if (kind === 'scalar') {
          let pair = numbers.get(name);
          if (!pair) numbers.set(name, (pair = { expected: [], predicted: [] }));
          pair.expected.push(Number(expected));
          pair.predicted.push(values[0]!);
          continue;
        }
        const top = values.indexOf(Math.max(...values));
        const judged = names.flatMap((label, index) => {
          const holds = holdsIn(expected, label);
          return holds === undefined
            ? []
            : [{ label, holds, said: kind === 'single' ? index === top : values[index]! > 0.5 }];
        });
        for (const { label, holds, said } of judged) {
          const key = JSON.stringify([name, label]);
          let counted = decisions.get(key);
          if (!counted) decisions.set(key, (counted = new Decisions()));
          counted.add(said, holds);
        }
        correct.push(judged.every(({ holds, said }) => holds === said) ? 1 : 0);
      }
      return {
        input: 'text' in input ? input.text : input.messages,
        expected: labels,
        predicted: Object.fromEntries(predicted.map(shownScores)),
      };
    },
    metrics() {
      const f1 = [...decisions.values()].flatMap((each) => each.f1 ?? []);
      const pairs = [...numbers.values()];
      const errors = pairs.map(({ expected, predicted }) =>
        mean(predicted.map((value, index) => Math.abs(value - expected[index]!))),
      );
      return {
        ...(correct.length > 0 && { accuracy: mean(correct) }),
        ...(f1.length > 0 && { f1: mean(f1) }),
        ...(pairs.length > 0 && {
          mean_absolute_error: mean(errors),
          spearman: mean(pairs.map(({ expected, predicted }) => spearman(expected, predicted))),
        }),
      };
    },
  };
}

/** Undefined where the record does not say. */
function holdsIn(expected: LabelledRecord['labels'][string], label: string): boolean | undefined {
  if (Array.isArray(expected)) return expected.includes(label);
  if (typeof expected !== 'object') return String(expected) === label;
  return Object.hasOwn(expected, label) ? expected[label] === 1 : undefined;
}

function shownScores({ name, kind, labels, values }: TargetScores): [string, number | Record<string, number>] {
  return [
    name,
    kind === 'scalar' ? values[0]! : Object.fromEntries(labels.map((label, index) => [label, values[index]!])),
  ];
}

function pairScorer(): Scorer {
  const scored = { expected: [] as number[], predicted: [] as number[] };
  const first: number[] = [];
  return {
    line(record, answer) {
      const { first: input, second: expected, score } = record as PairRecord;
      const { vectors, rank } = answer as Extract<Answer, { rank: number }>;
      const cosine = compared(...vectors).cosine;
      if (score === undefined) {
        first.push(rank === 1 ? 1 : 0);
        return { input, expected, predicted: { cosine, rank } };
      }
      scored.expected.push(score);
      scored.predicted.push(cosine);
      return { input, expected, score, predicted: { cosine } };
    },
    metrics: () => ({
      ...(first.length > 0 && { accuracy: mean(first) }),
      ...(scored.expected.length > 0 && {
        spearman: spearman(scored.expected, scored.predicted),
        mean_absolute_error: mean(scored.predicted.map((value, index) => Math.abs(value - scored.expected[index]!))),
      }),
    }),
  };
}
