import { isUtf8 } from 'node:buffer';
import { maxRowBytes } from './limits.ts';
import { RowProblem, wholeRow } from './row-problem.ts';

/** A line without its line feed; a carriage return at its end is left. `line` counts from 1. */
export type TextLine = { readonly line: number; readonly bytes: Buffer };

const byteOrderMark = Buffer.from('\uFEFF');
const lineFeed = 0x0a;

/**
 * Lines of a stream of bytes, several at a time: those that a chunk completes. A byte order mark at the start is left
 * out. Fails with `invalid_dataset` at a line that is too long or not UTF-8. Reads no further than it is asked to.
 */
export async function* textLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<TextLine[]> {
  let line = 0;
  let begun: Buffer[] = [];
  let begunBytes = 0;

  /** The line that `rest` ends. */
  const finish = (rest: Buffer): TextLine => {
    line++;
    let bytes = begun.length === 0 ? rest : Buffer.concat([...begun, rest]);
    [begun, begunBytes] = [[], 0];
    if (bytes.length > maxRowBytes) throw tooLong(line);
    if (line === 1 && bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark))
      bytes = bytes.subarray(byteOrderMark.length);
    if (!isUtf8(bytes)) throw new RowProblem(wholeRow, 'is not valid UTF-8').at(line);
    return { line, bytes };
  };

  for await (const chunk of input) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: TextLine[] = [];
    let problem: unknown;
    let from = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, from)) {
      try {
        lines.push(finish(bytes.subarray(from, end)));
      } catch (error) {
        problem = error;
        break;
      }
      from = end + 1;
    }
    if (lines.length > 0) yield lines;
    // Only now, so that what is wrong with an earlier line is found first, however the stream is cut into chunks.
    if (problem !== undefined) throw problem;
    if (from === bytes.length) continue;
    begunBytes += bytes.length - from;
    if (begunBytes > maxRowBytes) throw tooLong(line + 1);
    // A copy, because the stream may use its chunk again.
    begun.push(Buffer.from(bytes.subarray(from)));
  }
  if (begunBytes > 0) yield [finish(Buffer.alloc(0))];
}

function tooLong(line: number): Error {
  return new RowProblem(wholeRow, `is longer than ${maxRowBytes} bytes`).at(line);
}

/** True for a line that holds nothing but white space. */
export function isBlank({ bytes }: TextLine): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
