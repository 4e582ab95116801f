import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countRecords, readRecords, splitRecords, writeRecords, type DatasetRecord } from '../src/index.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'atelier-records-'));
});
afterAll(() => rm(directory, { recursive: true }));

const at = (name: string): string => path.join(directory, name);

const everyKind: DatasetRecord[] = [
  {
    kind: 'conversation',
    messages: [
      { role: 'user', content: 'ä\n\u2028"' },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'abcdefghi', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', content: '', tool_call_id: 'abcdefghi' },
      { role: 'assistant', content: 'b', weight: 0.5 },
    ],
    tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
  },
  { kind: 'completion', prompt: 'a', completion: '' },
  { kind: 'text', text: '{"kind":"text"}' },
  { kind: 'labelled', text: 'a', labels: { mood: 'good', topics: ['x', 'y'] } },
  { kind: 'labelled', messages: [{ role: 'user', content: 'a' }], labels: { mood: 'bad' } },
  { kind: 'labelled', text: 'a', labels: { stars: 4.5, topics: { x: 1, y: 0 } }, weight: 2 },
  { kind: 'pair', first: 'a', second: 'b', score: 0.25 },
  { kind: 'preference', messages: [{ role: 'user', content: 'a' }], chosen: 'b', rejected: 'c' },
];

describe('a record file', () => {
  it('gives back what was written, and counts it', async () => {
    expect(await writeRecords(at('every.jsonl'), everyKind)).toBe(everyKind.length);
    expect(await Array.fromAsync(readRecords(at('every.jsonl')))).toEqual(everyKind);
    expect(await countRecords(at('every.jsonl'))).toBe(everyKind.length);
    expect((await readFile(at('every.jsonl'), 'utf8')).split('\n')).toHaveLength(everyKind.length + 1);
  });

  it('appears only when it is whole', async () => {
    async function* failing(): AsyncIterable<DatasetRecord> {
      yield* everyKind;
      throw new Error('the source broke');
    }
    await writeFile(at('kept.jsonl'), 'before');
    const names = await readdir(directory);
    await expect(writeRecords(at('kept.jsonl'), failing())).rejects.toThrow('the source broke');
    expect(await readFile(at('kept.jsonl'), 'utf8')).toBe('before');
    expect(await readdir(directory)).toEqual(names);
  });

  it('says which line is no record', async () => {
    for (const line of ['{"kind":"text"}', 'secret', '{"kind":"other"}', '[]']) {
      await writeFile(at('bad.jsonl'), `{"kind":"text","text":"a"}\n\n${line}\n`);
      await expect(Array.fromAsync(readRecords(at('bad.jsonl')))).rejects.toMatchObject({
        code: 'invalid_dataset',
        details: { line: 3, field: '(row)', reason: 'is not a stored record' },
      });
    }
  });
});

describe('a split', () => {
  const numbered = (count: number): DatasetRecord[] =>
    Array.from({ length: count }, (_, i) => ({ kind: 'text', text: String(i) }));

  async function split(count: number, testShare: number, seed: number): Promise<{ train: number[]; test: number[] }> {
    const [source, train, test] = [at('source.jsonl'), at('train.jsonl'), at('test.jsonl')];
    await writeRecords(source, numbered(count));
    const counts = await splitRecords({ source, train, test, testShare, seed });
    const numbers = async (file: string): Promise<number[]> =>
      (await Array.fromAsync(readRecords(file))).map((record) => Number(record.kind === 'text' && record.text));
    const sides = { train: await numbers(train), test: await numbers(test) };
    expect(counts).toEqual({ train: sides.train.length, test: sides.test.length });
    return sides;
  }

  it('puts each record on one side, in order, and leaves neither empty', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 60 }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        fc.nat(),
        async (count, share, seed) => {
          const { train, test } = await split(count, share, seed);
          expect([...train, ...test].sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
          expect(train).toEqual(train.toSorted((a, b) => a - b));
          expect(test).toEqual(test.toSorted((a, b) => a - b));
          expect(test).toHaveLength(Math.min(count - 1, Math.max(1, Math.round(count * share))));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('depends on the seed and on nothing else', async () => {
    const first = await split(50, 0.2, 7);
    expect(await split(50, 0.2, 7)).toEqual(first);
    expect(await split(50, 0.2, 8)).not.toEqual(first);
    // Kept for ever: a job that is started again must test on the records it did not train on.
    expect(first.test).toEqual([1, 8, 14, 17, 21, 23, 30, 31, 33, 47]);
  });

  it('needs two records and a share between 0 and 1', async () => {
    await expect(split(1, 0.5, 0)).rejects.toMatchObject({ code: 'invalid_request' });
    for (const share of [0, 1, -0.1, 1.5, Number.NaN])
      await expect(split(5, share, 0)).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
