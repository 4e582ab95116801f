import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DatasetRecord, type HoleOptions, punchHoles } from '../src/index.ts';

async function punched(records: DatasetRecord[], options: HoleOptions): Promise<DatasetRecord[]> {
  async function* source(): AsyncIterable<DatasetRecord> {
    yield* records;
  }
  return Array.fromAsync(punchHoles(source(), options));
}

const wholeText = (record: DatasetRecord): string =>
  record.kind === 'fim' ? record.prefix + record.middle + record.suffix : record.kind === 'text' ? record.text : '';

describe('holes in texts', () => {
  it('lose nothing of the text and split no character, whatever the text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        fc.nat(),
        fc.integer({ min: 2, max: 80 }),
        async (text, seed, longest) => {
          const made = await punched([{ kind: 'text', text, weight: 2 }], { share: 1, seed, longest });
          expect(made.map(wholeText).join('')).toBe(text);
          for (const record of made) {
            expect(record).toMatchObject({ weight: 2 });
            expect(wholeText(record).length).toBeLessThanOrEqual(longest + 1);
            if (record.kind !== 'fim') continue;
            expect(record.middle.trim()).not.toBe('');
            for (const part of [record.prefix, record.middle, record.suffix]) expect(part.isWellFormed()).toBe(true);
          }
        },
      ),
    );
  });

  it('come in the share asked for, the same for the same seed, and leave other records alone', async () => {
    const texts: DatasetRecord[] = Array.from({ length: 2000 }, (_, n) => ({
      kind: 'text',
      text: `number ${n} of many texts`,
    }));
    const other: DatasetRecord = { kind: 'completion', prompt: 'a', completion: 'b' };
    const options = { share: 0.3, seed: 5, longest: 100 };
    const made = await punched([other, ...texts], options);
    expect(made[0]).toBe(other);
    const holes = made.filter(({ kind }) => kind === 'fim').length;
    expect(holes).toBeGreaterThan(500);
    expect(holes).toBeLessThan(700);
    expect(await punched([other, ...texts], options)).toEqual(made);
    expect(await punched(texts, { ...options, share: 0 })).toEqual(texts);
  });
});
