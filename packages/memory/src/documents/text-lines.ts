/** Pieces of text on a page, put together into lines, top to bottom. */

/** A piece as pdf.js gives it; `transform` is [a, b, c, d, x, y] in points, y upwards. */
export type TextPiece = { str: string; transform: readonly number[]; width: number; height: number };

export type TextLine = {
  text: string;
  /** Points from the left and from the bottom of the page. */
  left: number;
  bottom: number;
  right: number;
  /** Height of its largest letters, in points. */
  size: number;
  /** Where a wide gap parts it: the text of each cell and where it begins. */
  cells: { text: string; left: number }[];
};

/** Pieces nearer than this share of their size are one word; further than `cellGap` they are cells of a table. */
const wordGap = 0.15;
const cellGap = 2.2;
/** Base lines that differ by less than this share of the size are one line. */
const sameLine = 0.45;

export function textLines(pieces: readonly TextPiece[]): TextLine[] {
  const drawn = pieces
    .filter(({ str }) => str.trim() !== '')
    .map(({ str, transform, width, height }) => {
      const [a = 0, b = 0, , , left = 0, bottom = 0] = transform;
      return { str, left, bottom, right: left + width, size: height || Math.hypot(a, b) || 10 };
    });
  const rows: (typeof drawn)[] = [];
  for (const piece of drawn) {
    const row = rows.findLast((other) => {
      const near = Math.abs(other[0]!.bottom - piece.bottom) < sameLine * Math.max(other[0]!.size, piece.size);
      // Columns side by side come one after the other in the file: what overlaps in x is another line.
      return near && other.every((one) => piece.left >= one.right - one.size || piece.right <= one.left + one.size);
    });
    if (row) row.push(piece);
    else rows.push([piece]);
  }
  return rows.map((row) => lineOf(row.sort((one, other) => one.left - other.left)));
}

function lineOf(row: readonly { str: string; left: number; bottom: number; right: number; size: number }[]): TextLine {
  const size = Math.max(...row.map((piece) => piece.size));
  const cells: TextLine['cells'] = [];
  let end = -Infinity;
  for (const { str, left, right } of row) {
    const gap = left - end;
    const cell = cells.at(-1);
    if (!cell || gap > cellGap * size) cells.push({ text: str, left });
    else cell.text += (gap > wordGap * size && !/\s$/.test(cell.text) && !/^\s/.test(str) ? ' ' : '') + str;
    end = Math.max(end, right);
  }
  const clean = cells.map(({ text, left }) => ({ text: text.replace(/\s+/g, ' ').trim(), left }));
  return {
    text: clean.map(({ text }) => text).join(' '),
    left: row[0]!.left,
    bottom: row[0]!.bottom,
    right: end,
    size,
    cells: clean,
  };
}
