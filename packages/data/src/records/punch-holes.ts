import { randomIntegers } from '../random.ts';
import type { DatasetRecord, FimRecord, TextRecord } from './record.ts';

export type HoleOptions = {
  /** Of the texts, from 0 to 1. */
  readonly share: number;
  readonly seed: number;
  /** A text of more UTF-16 units is cut into pieces, each with a hole of its own: rows hold what is near a hole only. */
  readonly longest: number;
};

/**
 * Records, a share of whose texts has become texts with a hole, between two places that are equally likely everywhere. Which
 * ones, and where, depends on the seed and the record's place alone. Other records pass.
 */
export async function* punchHoles(
  records: AsyncIterable<DatasetRecord>,
  { share, seed, longest }: HoleOptions,
): AsyncGenerator<DatasetRecord> {
  let place = 0;
  for await (const record of records) {
    const random = randomIntegers(seed, place++);
    if (record.kind !== 'text' || random(2 ** 24) >= share * 2 ** 24) yield record;
    else for (const text of pieces(record.text, longest)) yield withHole(record, text, random);
  }
}

function* pieces(text: string, longest: number): Generator<string> {
  for (let from = 0; from < text.length;) {
    const to = boundary(text, Math.min(text.length, from + longest));
    yield text.slice(from, to);
    from = to;
  }
}

/** A text too short for a hole stays whole. */
function withHole(record: TextRecord, text: string, random: (below: number) => number): TextRecord | FimRecord {
  const places = [random(text.length + 1), random(text.length + 1)].sort((a, b) => a - b) as [number, number];
  const [from, to] = [boundary(text, places[0]), boundary(text, places[1])];
  if (text.slice(from, to).trim() === '') return { ...record, text };
  const { weight } = record;
  return {
    kind: 'fim',
    ...(weight !== undefined && { weight }),
    prefix: text.slice(0, from),
    middle: text.slice(from, to),
    suffix: text.slice(to),
  };
}

/** The next place that is not within a character outside the BMP. */
function boundary(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return at > 0 && unit >= 0xdc00 && unit <= 0xdfff ? at + 1 : at;
}
