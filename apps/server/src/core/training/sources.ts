/** The data sets of a job as record files. */
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type DatasetRecord, readRecords, writeRecords } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { BlobStore } from '../../storage/blobs/blob-store.ts';
import type { Database } from '../../storage/database/database.ts';
import type { Dataset } from '../datasets/datasets.ts';

type ValidRows = Pick<Dataset, 'records' | 'invalid_rows' | 'invalid_examples'>;
export type Source = ValidRows & { file: string; weight: number };

/** In their order. */
export async function jobSources(
  { database, blobs }: { database: Database; blobs: BlobStore },
  jobId: string,
  role: 'train' | 'test',
): Promise<Source[]> {
  const rows = await database
    .selectFrom('training_job_datasets as d')
    .innerJoin('datasets', 'datasets.id', 'd.dataset_id')
    .select([
      'datasets.records_blob',
      'datasets.records',
      'datasets.invalid_rows',
      'datasets.invalid_examples',
      'd.weight',
    ])
    .where('d.job_id', '=', jobId)
    .where('d.role', '=', role)
    .orderBy('d.position')
    .execute();
  return Promise.all(
    rows.map(async ({ records_blob, ...row }) => ({ ...row, file: await blobs.localPath(records_blob!) })),
  );
}

/** @throws AtelierError `invalid_dataset` naming the first bad row, where more than `share` of the uploads' rows are bad */
export function requireValidRows(sources: readonly ValidRows[], share: number): void {
  const bad = sources.reduce((sum, { invalid_rows }) => sum + invalid_rows, 0);
  const all = sources.reduce((sum, { records, invalid_rows }) => sum + (records ?? 0) + invalid_rows, 0);
  const first = sources.flatMap(({ invalid_examples }) => invalid_examples)[0];
  if (!first || bad <= share * all) return;
  const reason = `${first.reason}; ${bad} of ${all} rows are bad, and the job allows ${share * 100} %`;
  throw new AtelierError('invalid_dataset', { line: first.line, field: first.field, reason });
}

/** One file of all records, in order, `to` where there are several. Where weights differ, records carry them. */
export async function joined(sources: readonly Source[], to: string): Promise<string | undefined> {
  if (sources.length < 2) return sources[0]?.file;
  if (new Set(sources.map(({ weight }) => weight)).size > 1) {
    await writeRecords(to, weighted(sources));
    return to;
  }
  // Every line of theirs ends with a line break.
  for (const { file } of sources)
    await pipeline(createReadStream(file), createWriteStream(to, { flags: 'a', mode: 0o600 }));
  return to;
}

const weightless: readonly DatasetRecord['kind'][] = ['pair', 'preference', 'rating'];

async function* weighted(sources: readonly Source[]): AsyncGenerator<DatasetRecord> {
  for (const { file, weight } of sources) {
    for await (const record of readRecords(file)) {
      if (weightless.includes(record.kind))
        throw new AtelierError('invalid_request', { reason: `Records of kind ${record.kind} take no weight` });
      const own = 'weight' in record ? (record.weight ?? 1) : 1;
      yield { ...record, weight: own * weight } as DatasetRecord;
    }
  }
}
