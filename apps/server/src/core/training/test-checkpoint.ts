/**
 * The test of a checkpoint: each test record's prompt is answered greedily by the model under test, and the answer is
 * compared with the expected one (scores.ts). Records without an expected answer (plain text) only count for the
 * validation loss, which the trainer has measured.
 */
import { type DatasetRecord, readRecords } from '@atelier/data';
import type { Engine, GenerateRequest, LocalModelRef } from '@atelier/engine';
import { type AtelierError, isAtelierError } from '@atelier/errors';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import { promptInput } from '../inference/prompt-input.ts';
import { inOrder } from './in-order.ts';
import { patiently } from './patiently.ts';
import { exactMatch, tokenF1 } from './scores.ts';

export type TestParts = { engine: Engine; blobs: BlobStore };

export type Test = {
  model: LocalModelRef;
  /** Whether prompts go through the model's chat template, as they did in training. */
  chat: boolean;
  files: readonly string[];
  owner: string;
  atOnce: number;
  /** Called with the number of answers so far. */
  onAnswer?: (answered: number) => void;
};

/** `results` is a blob of JSONL: one line of input, expected, predicted for each record; null when none has an expected answer. */
export type TestOutcome = { examples: number; exactMatch: number; f1: number; results: string | null };

type Example = { input: GenerateRequest['input']; shown: unknown; expected: string };
type Answer = { text: string; error?: string };

/**
 * A token of a byte-level vocabulary is at least one byte, so an answer this long can be the expected one; a longer one
 * cannot. Nothing is answered with more than the second number.
 */
const SPARE_TOKENS = 16;
const MOST_TOKENS = 1024;

export async function testCheckpoint(
  { engine, blobs }: TestParts,
  test: Test,
  signal: AbortSignal,
): Promise<TestOutcome> {
  const totals = { examples: 0, exactMatch: 0, f1: 0 };

  async function* lines(): AsyncGenerator<Buffer> {
    const answered = inOrder(examples(test), test.atOnce, async (example) => ({
      example,
      answer: await answerPatiently(engine, test, example, signal),
    }));
    for await (const { example, answer } of answered) {
      const scores = {
        exact_match: exactMatch(example.expected, answer.text),
        f1: tokenF1(example.expected, answer.text),
      };
      totals.examples++;
      totals.exactMatch += scores.exact_match;
      totals.f1 += scores.f1;
      test.onAnswer?.(totals.examples);
      const line = {
        input: example.shown,
        expected: example.expected,
        predicted: answer.text,
        ...scores,
        ...(answer.error && { error: answer.error }),
      };
      yield Buffer.from(`${JSON.stringify(line)}\n`);
    }
  }

  const stored = await blobs.put(lines(), { signal });
  const { examples: count } = totals;
  if (count === 0) return { ...totals, results: null };
  return { examples: count, exactMatch: totals.exactMatch / count, f1: totals.f1 / count, results: stored.sha256 };
}

async function* examples({ files, chat }: Test): AsyncGenerator<Example> {
  for (const file of files) {
    for await (const record of readRecords(file)) {
      const example = exampleOf(record, chat);
      if (example) yield example;
    }
  }
}

function exampleOf(record: DatasetRecord, chat: boolean): Example | undefined {
  if (record.kind === 'completion')
    return { input: promptInput(record.prompt, chat), shown: record.prompt, expected: record.completion };
  if (record.kind !== 'conversation') return undefined;
  const last = record.messages.at(-1);
  const before = record.messages.slice(0, -1);
  if (last?.role !== 'assistant' || before.length === 0) return undefined;
  return {
    input: { kind: 'chat', messages: before, ...(record.tools && { tools: record.tools }) },
    shown: before,
    expected: last.content,
  };
}

/** A prompt that the model cannot take is answered with its error. */
async function answerPatiently(engine: Engine, test: Test, example: Example, signal: AbortSignal): Promise<Answer> {
  try {
    return { text: await patiently(() => answer(engine, test, example, signal), signal) };
  } catch (thrown) {
    signal.throwIfAborted();
    if (!isAtelierError(thrown)) throw thrown;
    const { code } = thrown as AtelierError;
    if (code !== 'context_overflow' && code !== 'template_failed') throw thrown;
    return { text: '', error: code };
  }
}

async function answer(
  engine: Engine,
  { model, owner }: Test,
  { input, expected }: Example,
  signal: AbortSignal,
): Promise<string> {
  let text = '';
  const maxTokens = Math.min(MOST_TOKENS, Buffer.byteLength(expected) + SPARE_TOKENS);
  for await (const event of engine.generate({ model, owner, input, maxTokens }, signal))
    if (event.type === 'text') text += event.text;
  return text;
}
