/** What a run's record files hold: lengths, cuts, duplicates, and what of the validation is learnt too. */
import { createHash } from 'node:crypto';
import type { DataPlan } from '../../contract/index.ts';
import type { ObjectiveData } from '../../objectives/objective.ts';
import { allRecords } from '../../objectives/records.ts';

/** Lengths that one bar of a histogram spans double from bar to bar, from this one on. */
const firstBar = 8;

export function histogram(lengths: readonly number[]): DataPlan['histogram'] {
  const bars: DataPlan['histogram'] = [];
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  for (let from = 0, to = firstBar; from <= longest; from = to + 1, to *= 2)
    bars.push({ from, to, rows: lengths.filter((length) => length >= from && length <= to).length });
  return bars;
}

export async function planData(
  training: { readonly files: readonly string[]; readonly data: ObjectiveData },
  validation: { readonly files: readonly string[]; readonly data: ObjectiveData },
): Promise<{ training: DataPlan; validation: DataPlan; overlap: number }> {
  const learnt = new Set<string>();
  const heldBack = new Set<string>();
  const counts = { training: await countRecords(training.files, learnt), validation: { records: 0, duplicates: 0 } };
  let overlap = 0;
  counts.validation = await countRecords(validation.files, heldBack, (hash) => {
    if (learnt.has(hash)) overlap++;
  });
  return {
    training: { ...counts.training, ...lengthsOf(training.data) },
    validation: { ...counts.validation, ...lengthsOf(validation.data) },
    overlap,
  };
}

async function countRecords(
  files: readonly string[],
  seen: Set<string>,
  each?: (hash: string) => void,
): Promise<{ records: number; duplicates: number }> {
  let records = 0;
  let duplicates = 0;
  for await (const record of allRecords(files)) {
    const hash = createHash('sha256').update(JSON.stringify(record)).digest('base64');
    records++;
    if (seen.has(hash)) duplicates++;
    seen.add(hash);
    each?.(hash);
  }
  return { records, duplicates };
}

function lengthsOf({ rows, tokens, supervised, truncated }: ObjectiveData): Omit<DataPlan, 'records' | 'duplicates'> {
  const lengths = rows.map((row) => row.tokens).sort((a, b) => a - b);
  const at = (share: number): number => lengths[Math.min(lengths.length - 1, Math.floor(share * lengths.length))] ?? 0;
  return {
    rows: rows.length,
    tokens,
    supervised,
    truncated,
    shortest: at(0),
    median: at(0.5),
    p95: at(0.95),
    longest: at(1),
    histogram: histogram(lengths),
  };
}
