import { type AtelierError, isAtelierError } from '@atelier/errors';
import type { DatasetRecord } from '../records/record.ts';
import { RowConverter } from './row-converter.ts';
import { RowProblem, wholeFile, wholeRow } from './row-problem.ts';
import type { Shape } from './shape.ts';
import { isBlank, textLines } from './text-lines.ts';

/** Records of a JSONL file; blank lines are skipped. Fails with `invalid_dataset`; `skip` is given bad rows instead, which are left out. */
export async function* jsonLineRecords(
  input: AsyncIterable<Uint8Array>,
  shapes: readonly Shape[],
  skip?: (problem: AtelierError) => void,
): AsyncGenerator<DatasetRecord> {
  const converter = new RowConverter(shapes);
  for await (const lines of textLines(input)) {
    for (const { bytes, line } of lines) {
      if (isBlank({ bytes, line })) continue;
      let record: DatasetRecord;
      try {
        record = converter.convert(parseLine(bytes, line), line);
      } catch (error) {
        if (!skip || !isAtelierError(error) || error.details['field'] === wholeFile) throw error;
        skip(error);
        continue;
      }
      yield record;
    }
  }
  converter.finish();
}

function parseLine(bytes: Buffer, line: number): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // The parser's own message quotes the line.
    throw new RowProblem(wholeRow, 'is not valid JSON; each line must be one whole JSON object').at(line);
  }
}
