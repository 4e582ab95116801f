/**
 * An upload on its way to the disk, in one pass: the bytes go into the source blob as they come, and at the same time
 * through the converter into the records blob. Memory holds a few chunks, whatever the size of the file.
 */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import {
  convertDataset,
  type DatasetFormat,
  type DatasetProfile,
  type DatasetRecord,
  encodeRecords,
} from '@atelier/data';
import type { AtelierError } from '@atelier/errors';
import type { BlobStore, StoredBlob } from '../../storage/blobs/blob-store.ts';

export type InvalidRows = { count: number; first: InvalidRow[] };
export type InvalidRow = { line: number; field: string; reason: string };

/** So many bad rows are kept to be shown. */
const SHOWN_ROWS = 5;

export type Intake = {
  format: DatasetFormat;
  records: number;
  /** Rows that were left out, and the first of them. */
  invalid: InvalidRows;
  /** What the first record is for: text to go on with, or anything to answer. */
  kind: 'pretrain' | 'instruct';
  source: StoredBlob;
  converted: StoredBlob;
};

/**
 * Stores and converts `content`. On any error neither blob is kept and the rest of `content` is not read.
 * `toleratedShare`: as many of the rows may be bad, and are left out.
 * @throws AtelierError `invalid_dataset`, `payload_too_large`, `storage_full`; the signal's reason when it aborts.
 */
export async function takeIn(
  blobs: BlobStore,
  content: AsyncIterable<Uint8Array>,
  {
    format,
    profile,
    limit,
    toleratedShare = 0,
    signal,
  }: { format: DatasetFormat; profile: DatasetProfile; limit: number; toleratedShare?: number; signal: AbortSignal },
): Promise<Intake> {
  const branch = new PassThrough();
  branch.on('error', () => {}); // the converter reports it
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  let records = 0;
  let kind: Intake['kind'] = 'instruct';
  const invalid: InvalidRows = { count: 0, first: [] };
  let firstProblem: AtelierError | undefined;
  const skip = (problem: AtelierError) => {
    firstProblem ??= problem;
    if (++invalid.count <= SHOWN_ROWS) invalid.first.push(problem.details as InvalidRow);
  };

  async function* counted(converted: AsyncIterable<DatasetRecord>): AsyncGenerator<DatasetRecord> {
    for await (const record of converted) {
      if (records === 0 && record.kind === 'text') kind = 'pretrain';
      records++;
      yield record;
    }
    if (firstProblem && (records === 0 || invalid.count > toleratedShare * (records + invalid.count)))
      throw firstProblem;
  }
  const store = (bytes: AsyncIterable<Uint8Array>, most: number) =>
    blobs.put(bytes, { limit: most, signal: stop }).catch((error: unknown) => {
      failure.abort(error);
      throw error;
    });

  const source = store(copied(content, branch, stop), limit);
  const converted = store(
    encodeRecords(counted(convertDataset(branch, format, profile, toleratedShare > 0 ? skip : undefined))),
    Infinity,
  );
  // Both have let go of their files before the first error is passed on.
  await Promise.allSettled([source, converted]);
  stop.throwIfAborted();
  return { format, records, invalid, kind, source: await source, converted: await converted };
}

/** Passes `content` on, and a copy into `branch`, at the pace of the slower reader. */
async function* copied(
  content: AsyncIterable<Uint8Array>,
  branch: PassThrough,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = content[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessStopped(() => iterator.next(), stop);
      if (next.done === true) break;
      if (!branch.write(next.value)) await once(branch, 'drain', { signal: stop });
      yield next.value;
    }
    branch.end();
  } catch (error) {
    branch.destroy(stop.aborted ? stop.reason : (error as Error));
    throw stop.aborted ? stop.reason : error;
  }
}

/**
 * A client that pauses must not hold up the answer to what it has sent. Not Promise.race with one promise for all chunks:
 * that one would hold on to every chunk that won against it.
 */
async function unlessStopped<T>(wait: () => Promise<T>, stop: AbortSignal): Promise<T> {
  stop.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onStop = () => reject(stop.reason);
  stop.addEventListener('abort', onStop);
  try {
    wait().then(resolve, reject);
    return await promise;
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}
