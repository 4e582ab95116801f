/**
 * Records as a task learns from them. An upload does not say what it is for; the job does. So what came as a prompt and
 * a completion becomes a text with its labels, or a pair, when a job of such a task is prepared.
 */
import path from 'node:path';
import { type DatasetRecord, readRecords, writeRecords } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { RunSpec } from '@atelier/tuner/contract';
import { z } from 'zod';

type Task = RunSpec['task'];

/** The names of the one target that a column of completions has. */
export const targetNames = { classification: 'label', regression: 'value' } as const;

const LONGEST_CLASS = 1024;
const labelMapSchema = z.record(z.string().min(1).max(LONGEST_CLASS), z.union([z.literal(0), z.literal(1)]));

/**
 * `source` with its records as `task` learns from them, as a file beside it in `directory`; `source` itself where they are
 * so already. Fails with `invalid_dataset`, naming the record by its number and the field.
 */
export async function taskRecords(
  source: string,
  task: Task,
  { directory, name }: { directory: string; name: string },
): Promise<string> {
  if (!(task in converters)) return source;
  const to = path.join(directory, `${name}-${task}.jsonl`);
  await writeRecords(to, converted(source, task));
  return to;
}

async function* converted(source: string, task: Task): AsyncGenerator<DatasetRecord> {
  let line = 0;
  for await (const record of readRecords(source)) yield convertedRecord(record, task, ++line);
}

/** `line`: where the record stands, from 1. */
export function convertedRecord(record: DatasetRecord, task: Task, line: number): DatasetRecord {
  const convert = converters[task];
  const asked = convert && questionOf(record);
  if (!asked) return record;
  const refuse: Refuse = (field, reason) => {
    throw new AtelierError('invalid_dataset', { line, field, reason });
  };
  const made = convert(asked, refuse);
  return made.kind === 'labelled' && 'weight' in record ? { ...made, weight: record.weight! } : made;
}

type Refuse = (field: string, reason: string) => never;
type Question = {
  input: Pick<Extract<DatasetRecord, { kind: 'labelled' }>, never> & ({ text: string } | { messages: Messages });
  answer: string;
  /** Where the answer stands in the record. */
  field: string;
};
type Messages = Extract<DatasetRecord, { kind: 'conversation' }>['messages'];

/** A single question is a text, as those are that come to a deployment; a conversation is one. */
function questionOf(record: DatasetRecord): Question | undefined {
  if (record.kind === 'completion')
    return { input: { text: record.prompt }, answer: record.completion, field: 'completion' };
  if (record.kind !== 'conversation') return undefined;
  const last = record.messages.at(-1)!;
  const before = record.messages.slice(0, -1);
  if (last.role !== 'assistant' || before.length === 0) return undefined;
  const [only] = before;
  const input = before.length === 1 && only!.role === 'user' ? { text: only!.content } : { messages: before };
  return { input, answer: last.content, field: `messages[${before.length}].content` };
}

const converters: Partial<Record<Task, (question: Question, refuse: Refuse) => DatasetRecord>> = {
  classification: ({ input, answer, field }, refuse) => ({
    kind: 'labelled',
    ...input,
    labels: { [targetNames.classification]: classOf(answer.trim(), (reason) => refuse(field, reason)) },
  }),
  regression({ input, answer, field }, refuse) {
    const value = Number(answer);
    if (answer.trim() === '' || !Number.isFinite(value)) refuse(field, 'must be a number for task regression');
    return { kind: 'labelled', ...input, labels: { [targetNames.regression]: value } };
  },
  embedding({ input, answer }, refuse) {
    if ('messages' in input) return refuse('messages', 'must be one question and its answer for task embedding');
    return { kind: 'pair', first: input.text, second: answer };
  },
};

/** A map of labels, or the name of a class. */
function classOf(answer: string, refuse: (reason: string) => never): string | Record<string, 0 | 1> {
  if (!answer.startsWith('{')) {
    if (answer === '' || answer.length > LONGEST_CLASS)
      refuse(`must be 0, 1, a map of labels to 0 or 1, or the name of a class of at most ${LONGEST_CLASS} characters`);
    return answer;
  }
  let map: unknown;
  try {
    map = JSON.parse(answer);
  } catch {
    refuse('begins like a map of labels but is not valid JSON');
  }
  const parsed = labelMapSchema.safeParse(map);
  if (!parsed.success || Object.keys(parsed.data).length === 0) return refuse('must map each label to 0 or 1');
  return parsed.data;
}
