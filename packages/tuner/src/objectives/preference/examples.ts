/**
 * What preference losses compare: one or two answers to a prompt. Both answers stand in the same bin behind one copy of the
 * prompt, each hidden from the other by the mask, so that a prompt is computed once however long it is.
 */
import { preferenceRows, type DatasetRecord, type PreferenceRows, type TokenRow } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { RowSize, Setting } from '../objective.ts';
import { allRecords, withPromptModel } from '../records.ts';

export type Answer = {
  /** What stands behind the prompt, without the last token, which only is predicted. */
  readonly tokens: Int32Array;
  /** Learnt tokens in order, and for each the place whose next token it is: in the answer, -1 for the prompt's last token. */
  readonly targets: Int32Array;
  readonly places: Int32Array;
};

export type Example = { readonly prompt: Int32Array; readonly chosen?: Answer; readonly rejected?: Answer };

export type Examples = { readonly examples: readonly Example[]; readonly truncated: number };

/** Reads record files of the given kinds. Answers are cut at the limit; an example of which nothing is left to learn is left out. */
export async function readExamples(
  setting: Pick<Setting, 'baseModel' | 'limit' | 'now'>,
  files: readonly string[],
  kinds: readonly DatasetRecord['kind'][],
): Promise<Examples> {
  if (files.length === 0) return { examples: [], truncated: 0 };
  return withPromptModel(setting, async (model) => {
    const examples: Example[] = [];
    let truncated = 0;
    for await (const rows of preferenceRows(model, comparable(allRecords(files), kinds))) {
      if (answersOf(rows).some(({ tokens }) => tokens.length > setting.limit)) truncated++;
      const example = exampleOf(rows, setting.limit);
      if (example) examples.push(example);
    }
    if (examples.length === 0)
      throw new AtelierError('training_failed', { reason: 'no row has anything to learn from' });
    return { examples, truncated };
  });
}

async function* comparable(
  records: AsyncIterable<DatasetRecord>,
  kinds: readonly DatasetRecord['kind'][],
): AsyncIterable<DatasetRecord> {
  let line = 0;
  for await (const record of records) {
    line++;
    if (!kinds.includes(record.kind))
      throw new AtelierError('invalid_dataset', {
        line,
        field: 'kind',
        reason: `is ${record.kind}; this preference loss takes ${kinds.join(', ')}`,
      });
    yield record;
  }
}

/** Undefined when an answer has nothing to learn within the limit. */
export function exampleOf(rows: PreferenceRows, limit: number): Example | undefined {
  const cut = ({ tokens, weights }: TokenRow): TokenRow => ({
    tokens: tokens.subarray(0, limit),
    weights: weights.subarray(0, limit),
  });
  const kept = answersOf(rows).map(cut);
  const shared = sharedTokens(kept);
  const [chosen, rejected] = [rows.chosen, rows.rejected].map((row) => row && answerOf(cut(row), shared));
  if ([chosen, rejected].some((answer) => answer?.targets.length === 0)) return undefined;
  return {
    prompt: kept[0]!.tokens.slice(0, shared),
    ...(chosen && { chosen }),
    ...(rejected && { rejected }),
  };
}

export function answersOf<T>({ chosen, rejected }: { readonly chosen?: T; readonly rejected?: T }): T[] {
  return [chosen, rejected].filter((answer) => answer !== undefined);
}

/** How many tokens all rows begin with and none learns. */
function sharedTokens(rows: readonly TokenRow[]): number {
  const [first] = rows;
  let shared = 0;
  while (rows.every(({ tokens, weights }) => tokens[shared] === first!.tokens[shared] && weights[shared] === 0))
    shared++;
  return shared;
}

function answerOf({ tokens, weights }: TokenRow, shared: number): Answer {
  const learnt = [...weights.keys()].filter((i) => i > 0 && weights[i]! > 0);
  return {
    tokens: tokens.slice(shared, -1),
    targets: Int32Array.from(learnt, (i) => tokens[i]!),
    places: Int32Array.from(learnt, (i) => i - 1 - shared),
  };
}

/** Room that an example takes. A micro-batch has as much room for predictions as for tokens, and a short prompt predicts two. */
export function sizeOf({ prompt, ...answers }: Example): RowSize {
  const both = answersOf(answers);
  const wanted = both.reduce((sum, { targets }) => sum + targets.length, 0);
  return {
    tokens: Math.max(
      wanted,
      both.reduce((sum, { tokens }) => sum + tokens.length, prompt.length),
    ),
    wanted,
  };
}
