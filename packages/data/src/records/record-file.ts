/** The stored form of a data set: JSONL, one record a line, UTF-8. */
import { createReadStream } from 'node:fs';
import { AtelierError } from '@atelier/errors';
import { isBlank, textLines, type TextLine } from '../upload/text-lines.ts';
import { datasetRecordSchema, type DatasetRecord } from './record.ts';
import { writeAside } from './write-aside.ts';

const chunkBytes = 1 << 16;

/** Records of a file, in order, read as they are asked for. Fails with `invalid_dataset` where a line is no record. */
export async function* readRecords(path: string): AsyncGenerator<DatasetRecord> {
  for await (const line of recordLines(path)) yield parseRecord(line);
}

/** The stored form of records, in chunks for writing. */
export async function* encodeRecords(
  records: AsyncIterable<DatasetRecord> | Iterable<DatasetRecord>,
): AsyncGenerator<Buffer> {
  let text = '';
  for await (const record of records) {
    text += `${JSON.stringify(record)}\n`;
    if (text.length < chunkBytes) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

/** Writes a file of records, which appears under its name only when it is whole and on disk. Returns how many there are. */
export async function writeRecords(
  path: string,
  records: AsyncIterable<DatasetRecord> | Iterable<DatasetRecord>,
): Promise<number> {
  let count = 0;
  async function* counted(): AsyncGenerator<DatasetRecord> {
    for await (const record of records) {
      count++;
      yield record;
    }
  }
  await using file = await writeAside(path);
  for await (const chunk of encodeRecords(counted())) await file.write(chunk);
  await file.commit();
  return count;
}

/** How many records a file holds. Looks at lines, not into them. */
export async function countRecords(path: string): Promise<number> {
  let count = 0;
  for await (const _ of recordLines(path)) count++;
  return count;
}

/** Lines of a record file that hold a record. */
export async function* recordLines(path: string): AsyncGenerator<TextLine> {
  for await (const lines of textLines(createReadStream(path, { highWaterMark: chunkBytes }))) {
    for (const line of lines) if (!isBlank(line)) yield line;
  }
}

function parseRecord({ line, bytes }: TextLine): DatasetRecord {
  try {
    return datasetRecordSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new AtelierError('invalid_dataset', { line, field: '(row)', reason: 'is not a stored record' }, error);
  }
}
