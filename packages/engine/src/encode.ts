import type { TargetScores } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import { cancellation } from './abortable.ts';
import { chunksOf } from './encode-chunks.ts';
import type { EncodeUsage } from './encode-request.ts';
import type { EncodeCommand, HeadDescription } from './protocol.ts';
import type { RunnerProcess } from './runner-process.ts';
import type { Turn } from './turn.ts';

export type Encoding = Omit<EncodeCommand, 'type' | 'id' | 'first'>;

export type Encoded = {
  /** What was computed of each input, in order. */
  rows: Float32Array[];
  head: HeadDescription | undefined;
  usage: EncodeUsage;
};

/** Has a model encode inputs, a part of them after the other; between two parts, others who wait get their turn. */
export async function encodeAll(
  runner: RunnerProcess,
  encoding: Encoding,
  turn: Turn,
  signal: AbortSignal,
): Promise<Encoded> {
  const encoded: Encoded = { rows: [], head: undefined, usage: { promptTokens: 0 } };
  for (const { first, part } of chunksOf(encoding.inputs)) {
    if (first > 0) await turn.offer();
    await encodePart(runner, { ...encoding, first, inputs: part }, encoded, signal);
  }
  return encoded;
}

/** Adds what comes back to `encoded`. */
async function encodePart(
  runner: RunnerProcess,
  command: Omit<EncodeCommand, 'type' | 'id'>,
  encoded: Encoded,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) throw cancellation(signal);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = command.inputs.length;
  const cancel = runner.request({ type: 'encode', ...command }, ({ head, encoded: results, error }) => {
    if (error) reject(error);
    if (head) encoded.head = head;
    if (!results) return;
    try {
      for (const [at, row] of rowsOf(results, runner.file).entries()) {
        encoded.rows[results.indexes[at]!] = row;
        encoded.usage.promptTokens += results.tokens[at]!;
      }
    } catch (problem) {
      reject(problem);
    }
    left -= results.indexes.length;
    if (left === 0) resolve();
  });
  const abort = () => reject(cancellation(signal));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    cancel();
  }
}

/** Throws `invalid_model_file` where a model's numbers are none. */
function rowsOf({ indexes, values }: { indexes: number[]; values: string }, file: string): Float32Array[] {
  const bytes = Buffer.from(values, 'base64');
  // Copied: what base64 is decoded into need not begin at a multiple of four.
  const numbers = new Float32Array(Uint8Array.from(bytes).buffer);
  if (!numbers.every(Number.isFinite))
    throw new AtelierError('invalid_model_file', { file, reason: 'it gives numbers that are not finite' });
  const width = numbers.length / indexes.length;
  return indexes.map((_, row) => numbers.slice(row * width, (row + 1) * width));
}

/** A head's outputs of one input by target. */
export function scoresOf(row: Float32Array, targets: HeadDescription['targets']): TargetScores[] {
  let from = 0;
  return targets.map(({ name, kind, labels }) => {
    const to = from + (kind === 'scalar' ? 1 : labels.length);
    const values = [...row.subarray(from, to)];
    from = to;
    return { name, kind, labels, values };
  });
}
