import { AtelierError } from '@atelier/errors';
import type { DatasetRecord } from '../records/record.ts';
import { csvRecords } from './csv-records.ts';
import { jsonLineRecords } from './json-lines.ts';
import type { DatasetProfile } from './profiles.ts';

export type DatasetFormat = 'csv' | 'jsonl';

/**
 * Records of an upload, checked and converted while it streams in; no more of it is read than is asked for. Fails with
 * `invalid_dataset` (`line`, `field`, `reason`), whose message never holds anything from the rows, at the first bad row,
 * or when rows are not all of one form, or there are none. With `skip`, bad rows of a JSONL file are given to it and left out.
 */
export function convertDataset(
  input: AsyncIterable<Uint8Array>,
  format: DatasetFormat,
  profile: DatasetProfile,
  skip?: (problem: AtelierError) => void,
): AsyncIterable<DatasetRecord> {
  if (format === 'jsonl') return jsonLineRecords(input, profile.jsonl, skip);
  if (profile.csv === undefined)
    throw new AtelierError('unsupported_media_type', { reason: 'This API takes no CSV files' });
  return csvRecords(input, profile.csv);
}
