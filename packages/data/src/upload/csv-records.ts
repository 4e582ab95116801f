import { CsvError, parse } from 'csv-parse';
import type { DatasetRecord } from '../records/record.ts';
import { maxRowBytes } from './limits.ts';
import { RowConverter } from './row-converter.ts';
import { RowProblem, wholeFile, wholeRow } from './row-problem.ts';
import type { TableShape } from './shape.ts';
import { textLines, type TextLine } from './text-lines.ts';

/** Records of a CSV file (RFC 4180) whose header is exactly the columns of one of the shapes; blank lines are skipped. Fails with `invalid_dataset`. */
export async function* csvRecords(
  input: AsyncIterable<Uint8Array>,
  shapes: readonly TableShape[],
): AsyncGenerator<DatasetRecord> {
  const converted: DatasetRecord[] = [];
  let table: { readonly columns: readonly string[]; readonly rows: RowConverter } | undefined;
  let lastLine = 0;

  const onRow = (cells: readonly string[], line: number): void => {
    if (table === undefined) {
      const shape = shapes.find(
        ({ columns }) => columns.length === cells.length && columns.every((name, i) => name === cells[i]),
      );
      if (shape === undefined)
        throw new RowProblem(
          '(header)',
          `must be exactly ${shapes.map(({ columns }) => columns.join()).join(' or ')}`,
        ).at(line);
      table = { columns: shape.columns, rows: new RowConverter([shape]) };
    } else if (cells.length > 1 || cells[0]!.trim() !== '') {
      const { columns, rows } = table;
      if (cells.length !== columns.length)
        throw new RowProblem(wholeRow, `has ${cells.length} cells, the header has ${columns.length}`).at(line);
      converted.push(rows.convert(Object.fromEntries(columns.map((name, i) => [name, cells[i]])), line));
    }
  };

  const parser = parse({
    relax_column_count: true,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n'],
    max_record_size: maxRowBytes,
    on_record(cells: string[], { lines }) {
      // The parser says where a row ends; it begins as many lines earlier as its cells hold line feeds.
      onRow(cells, lines - cells.reduce((sum, cell) => sum + lineFeeds(cell), 0));
      lastLine = lines;
      // Nothing goes through the parser's own queue: rows leave as soon as the text they are in has been read.
      return null;
    },
  });
  const failIfErrored = (): void => {
    const error = parser.errored;
    if (error !== null) throw error instanceof CsvError ? csvProblem(error, lastLine) : error;
  };
  // An error is looked for after each write; the event comes later, and must not go unheard.
  parser.on('error', () => {});
  try {
    for await (const lines of textLines(input)) {
      for (const piece of pieces(lines)) {
        parser.write(piece);
        yield* converted.splice(0);
        failIfErrored();
      }
    }
    parser.end();
    yield* converted.splice(0);
    failIfErrored();
  } finally {
    parser.destroy();
  }
  if (table === undefined) throw new RowProblem(wholeFile, 'holds no rows').at(1);
  table.rows.finish();
}

const lineFeed = Buffer.from('\n');

/** Rows of so much text wait to be taken at once; with four times as much, V8 doubles the memory it works in. */
const pieceBytes = 1 << 14;

function* pieces(lines: readonly TextLine[]): Generator<Buffer> {
  let piece: Buffer[] = [];
  let length = 0;
  for (const { bytes } of lines) {
    piece.push(bytes, lineFeed);
    length += bytes.length + 1;
    if (length < pieceBytes) continue;
    yield Buffer.concat(piece);
    [piece, length] = [[], 0];
  }
  if (length > 0) yield Buffer.concat(piece);
}

function lineFeeds(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** The parser's own messages quote the file. */
function csvProblem(error: CsvError, lastLine: number): Error {
  const line = Number(error['lines']);
  switch (error.code) {
    case 'CSV_QUOTE_NOT_CLOSED':
      return new RowProblem(wholeRow, 'has a quote that is never closed').at(lastLine + 1);
    case 'CSV_MAX_RECORD_SIZE':
      return new RowProblem(wholeRow, `is longer than ${maxRowBytes} bytes, or has a quote that is never closed`).at(
        lastLine + 1,
      );
    case 'INVALID_OPENING_QUOTE':
      return new RowProblem(wholeRow, 'has a quote within a cell that does not begin with one').at(line);
    case 'CSV_INVALID_CLOSING_QUOTE':
      return new RowProblem(wholeRow, 'has text after a closing quote; a quote within quotes is written twice').at(
        line,
      );
    default:
      return new RowProblem(wholeRow, 'is not valid CSV').at(line);
  }
}
