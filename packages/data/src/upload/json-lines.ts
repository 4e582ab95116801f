import type { DatasetRecord } from '../records/record.ts';
import { RowConverter } from './row-converter.ts';
import { RowProblem, wholeRow } from './row-problem.ts';
import type { Shape } from './shape.ts';
import { isBlank, textLines } from './text-lines.ts';

/** Records of a JSONL file; blank lines are skipped. Fails with `invalid_dataset`. */
export async function* jsonLineRecords(
  input: AsyncIterable<Uint8Array>,
  shapes: readonly Shape[],
): AsyncGenerator<DatasetRecord> {
  const converter = new RowConverter(shapes);
  for await (const lines of textLines(input)) {
    for (const line of lines) {
      if (!isBlank(line)) yield converter.convert(parseLine(line.bytes, line.line), line.line);
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
