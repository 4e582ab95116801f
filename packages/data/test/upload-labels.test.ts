import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  convertDataset,
  datasetRecordSchema,
  emissaryProfile,
  mistralProfile,
  type DatasetFormat,
  type DatasetProfile,
  type DatasetRecord,
} from '../src/index.ts';

async function converted(profile: DatasetProfile, format: DatasetFormat, ...lines: string[]): Promise<DatasetRecord[]> {
  async function* source(): AsyncIterable<Uint8Array> {
    for (const line of lines) yield Buffer.from(`${line}\n`);
  }
  return Array.fromAsync(convertDataset(source(), format, profile));
}

const labelled = (...rows: unknown[]): Promise<DatasetRecord[]> =>
  converted(mistralProfile, 'jsonl', ...rows.map((row) => JSON.stringify(row)));

const secret = 'hush';

describe('an uploaded classification', () => {
  const messages = [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'a' },
  ];

  it('may be of texts or conversations, with one label or several', async () => {
    const labels = { mood: 'good', topics: ['x', 'y'] };
    expect(await labelled({ text: 'a', labels }, { messages, labels: { topics: [] } })).toEqual([
      { kind: 'labelled', text: 'a', labels },
      { kind: 'labelled', messages, labels: { topics: [] } },
    ]);
  });

  it.each([
    ['both inputs', { text: 'a', messages, labels: { a: 'x' } }, 'messages'],
    ['no input', { labels: { a: 'x' } }, 'text'],
    ['no labels', { text: 'a', labels: {} }, 'labels'],
    ['a number for a label', { text: 'a', labels: { [secret]: 1 } }, 'labels'],
    ['an empty label', { text: 'a', labels: { [secret]: ['x', ' '] } }, 'labels'],
    ['a nameless target', { text: secret, labels: { '': 'x' } }, 'labels'],
    [
      'too many targets',
      { text: 'a', labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`${i}`, 'x'])) },
      'labels',
    ],
    ['a message without content', { messages: [{ role: 'user' }], labels: { a: 'x' } }, 'messages[0].content'],
    ['an unknown field', { text: 'a', labels: { a: 'x' }, [secret]: 1 }, '(row)'],
  ])('is refused with %s', async (_, row, field) => {
    const good = { text: 'a', labels: { a: 'x' } };
    const error = await labelled(good, row).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'invalid_dataset', details: { line: 2, field } });
    expect((error as Error).message).not.toContain(secret);
  });

  it('is a record or refused, whatever it holds', async () => {
    const row = fc.record(
      { text: fc.jsonValue(), messages: fc.jsonValue(), labels: fc.dictionary(fc.string(), fc.jsonValue()) },
      { requiredKeys: ['labels'] },
    );
    await fc.assert(
      fc.asyncProperty(row, async (value) => {
        const made = await labelled(value).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'invalid_dataset' });
          return [];
        });
        for (const record of made) expect(datasetRecordSchema.parse(record)).toEqual(record);
      }),
    );
  });
});

describe('uploaded pairs with scores', () => {
  const pairs = [
    { kind: 'pair', first: 'a', second: 'b', score: 0.5 },
    { kind: 'pair', first: 'c, d', second: 'e', score: 1 },
  ];

  it('have a third column or field', async () => {
    expect(await converted(emissaryProfile, 'csv', 'input,expected_output,score', 'a,b,0.5', '"c, d",e,1')).toEqual(
      pairs,
    );
    const rows = pairs.map(({ first, second, score }) => JSON.stringify({ prompt: first, completion: second, score }));
    expect(await converted(emissaryProfile, 'jsonl', ...rows)).toEqual(pairs);
  });

  it.each(['', ' ', 'much', '1.5', '-0.1', 'NaN', '1e999'])('must be numbers from 0 to 1, not %j', async (score) => {
    await expect(
      converted(emissaryProfile, 'csv', 'input,expected_output,score', 'a,b,1', `a,b,${score}`),
    ).rejects.toMatchObject({ code: 'invalid_dataset', details: { line: 3, field: 'score' } });
  });

  it('have one on every row', async () => {
    await expect(converted(emissaryProfile, 'csv', 'input,expected_output,score', 'a,b')).rejects.toMatchObject({
      details: { reason: 'has 2 cells, the header has 3' },
    });
    await expect(
      converted(
        emissaryProfile,
        'jsonl',
        '{"prompt":"a","completion":"b","score":1}',
        '{"prompt":"a","completion":"b"}',
      ),
    ).rejects.toMatchObject({ details: { line: 2 } });
  });
});
