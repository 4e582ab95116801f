/**
 * Lines of a page to Markdown: headings by the size of their letters, lists by their marks, tables where consecutive lines
 * have cells that begin at the same places, paragraphs by the gaps between lines. What a page looks like is all there is to
 * go by, so this is a reading of it and no more.
 */
import type { TextLine } from './text-lines.ts';

/** An image between the lines, at the height of its upper edge. */
export type PlacedImage = { id: string; top: number };

type Block = { top: number; text: string };

/** Letters this much larger than the body's are headings of level 1, 2 and 3. */
const headingSizes = [1.6, 1.3, 1.12];
/** Longer lines are no headings, however large. */
const longestHeading = 200;
/** Base lines further apart than this many sizes begin a paragraph. */
const paragraphGap = 1.7;
/** Items further apart are another list. */
const listGap = 2.5;
/** Cells that begin within so many sizes of each other stand in one column. */
const columnShift = 1.5;

export function pageMarkdown(lines: readonly TextLine[], images: readonly PlacedImage[]): string {
  const body = bodySize(lines);
  const blocks: Block[] = images.map(({ id, top }) => ({ top, text: `![${id}](${id})` }));
  for (let at = 0; at < lines.length;) {
    const table = tableAt(lines, at);
    const read = table ?? headingAt(lines, at, body) ?? listItemAt(lines, at) ?? paragraphAt(lines, at, body);
    const first = lines[at]!;
    blocks.push({ top: first.bottom + first.size, text: read.text });
    at += read.lines;
  }
  // Text keeps the order of the file, which follows columns; an image goes before the first block below it.
  return orderBlocks(blocks, images.length)
    .map(({ text }) => text)
    .join('\n\n');
}

function orderBlocks(blocks: readonly Block[], imageCount: number): Block[] {
  const text = blocks.slice(imageCount);
  const images = blocks.slice(0, imageCount).sort((one, other) => other.top - one.top);
  for (const image of images) {
    const at = text.findIndex(({ top }) => top <= image.top);
    text.splice(at < 0 ? text.length : at, 0, image);
  }
  return text;
}

type Read = { text: string; lines: number };

/** The size that most characters have. */
function bodySize(lines: readonly TextLine[]): number {
  const characters = new Map<number, number>();
  for (const { size, text } of lines) {
    const rounded = Math.round(size * 2) / 2;
    characters.set(rounded, (characters.get(rounded) ?? 0) + text.length);
  }
  return [...characters].sort(([, one], [, other]) => other - one)[0]?.[0] ?? 10;
}

function levelOf({ size, text }: TextLine, body: number): number {
  if (text.length > longestHeading || !/\p{L}|\p{N}/u.test(text)) return 0;
  return headingSizes.findIndex((factor) => size >= factor * body) + 1;
}

function headingAt(lines: readonly TextLine[], at: number, body: number): Read | undefined {
  const first = lines[at]!;
  const level = levelOf(first, body);
  if (level === 0) return undefined;
  let count = 1;
  while (at + count < lines.length && follows(lines[at + count - 1]!, lines[at + count]!, 1.5)) {
    if (Math.abs(lines[at + count]!.size - first.size) > 0.5) break;
    count++;
  }
  const text = joined(lines.slice(at, at + count));
  return { text: `${'#'.repeat(level)} ${escapeMarkdown(text)}`, lines: count };
}

const bullet = /^[•◦▪‣●○■–—*·-]\s+(?=\S)/u;
const numbered = /^(\d{1,3})[.)]\s+(?=\S)/;

function listItemAt(lines: readonly TextLine[], at: number): Read | undefined {
  const first = lines[at]!;
  const number = numbered.exec(first.text)?.[1];
  if (number === undefined && !bullet.test(first.text)) return undefined;
  const isItem = ({ text }: TextLine) => bullet.test(text) || numbered.test(text);
  let count = 1;
  while (at + count < lines.length) {
    const line = lines[at + count]!;
    if (isItem(line) || line.left <= first.left + 1 || !follows(lines[at + count - 1]!, line, paragraphGap)) break;
    count++;
  }
  const rest = joined(lines.slice(at, at + count)).replace(number === undefined ? bullet : numbered, '');
  const item = `${number === undefined ? '-' : `${number}.`} ${escapeMarkdown(rest)}`;
  const next = lines[at + count];
  const goesOn =
    next &&
    (number === undefined ? bullet : numbered).test(next.text) &&
    follows(lines[at + count - 1]!, next, listGap);
  if (!goesOn) return { text: item, lines: count };
  const following = listItemAt(lines, at + count)!;
  return { text: `${item}\n${following.text}`, lines: count + following.lines };
}

function paragraphAt(lines: readonly TextLine[], at: number, body: number): Read {
  let count = 1;
  while (at + count < lines.length) {
    const line = lines[at + count]!;
    const stops = levelOf(line, body) > 0 || bullet.test(line.text) || numbered.test(line.text);
    if (stops || tableAt(lines, at + count) || !follows(lines[at + count - 1]!, line, paragraphGap)) break;
    count++;
  }
  return { text: escapeMarkdown(joined(lines.slice(at, at + count))), lines: count };
}

function tableAt(lines: readonly TextLine[], at: number): Read | undefined {
  const { cells, size } = lines[at]!;
  if (cells.length < 2) return undefined;
  const fits = (line: TextLine) =>
    line.cells.length === cells.length &&
    line.cells.every(({ left }, column) => Math.abs(left - cells[column]!.left) <= columnShift * size);
  let count = 1;
  while (at + count < lines.length && fits(lines[at + count]!)) count++;
  if (count < 2) return undefined;
  const row = (line: TextLine) => `| ${line.cells.map(({ text }) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  const [head, ...rest] = lines.slice(at, at + count).map(row);
  return { text: [head, `|${' --- |'.repeat(cells.length)}`, ...rest].join('\n'), lines: count };
}

/** Whether `next` stands right below `line`, `most` sizes at the most. */
function follows(line: TextLine, next: TextLine, most: number): boolean {
  const down = line.bottom - next.bottom;
  return down > 0 && down <= most * Math.max(line.size, next.size);
}

/** A word that was parted at the end of a line is one again. */
function joined(lines: readonly TextLine[]): string {
  return lines
    .map(({ text }) => text)
    .join('\n')
    .replace(/(\p{Ll})-\n(?=\p{Ll})/gu, '$1')
    .replaceAll('\n', ' ');
}

/** Only what would make something else of a line than text: a mark at its beginning. */
function escapeMarkdown(text: string): string {
  return text.replace(/^([#>+*-]|\d+[.)])(?=\s)/, '\\$1');
}
