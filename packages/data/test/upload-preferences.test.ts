import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  convertDataset,
  datasetRecordSchema,
  llamaStackProfile,
  mistralProfile,
  type DatasetProfile,
  type DatasetRecord,
} from '../src/index.ts';

const converted = (...rows: unknown[]): Promise<DatasetRecord[]> => convertedBy(llamaStackProfile, rows);

async function convertedBy(profile: DatasetProfile, rows: readonly unknown[]): Promise<DatasetRecord[]> {
  async function* source(): AsyncIterable<Uint8Array> {
    for (const row of rows) yield Buffer.from(`${JSON.stringify(row)}\n`);
  }
  return Array.fromAsync(convertDataset(source(), 'jsonl', profile));
}

const user = { role: 'user', content: 'q' };
const assistant = (content: string) => ({ role: 'assistant', content });

describe('an uploaded preference', () => {
  const record = { kind: 'preference', messages: [user], chosen: 'good', rejected: 'bad' };

  it.each([
    ['texts', { prompt: 'q', chosen: 'good', rejected: 'bad' }],
    ['a prompt and answers as messages', { prompt: [user], chosen: [assistant('good')], rejected: [assistant('bad')] }],
    ['whole conversations', { chosen: [user, assistant('good')], rejected: [user, assistant('bad')] }],
    ['a prompt as messages, answers as texts', { prompt: [user], chosen: 'good', rejected: 'bad' }],
  ])('may be %s', async (_, row) => {
    expect(await converted(row)).toEqual([record]);
  });

  it('keeps the turns before the answers', async () => {
    const system = { role: 'system', content: 's' };
    const prompt = [system, user, assistant('a'), user];
    const [made] = await converted({ prompt, chosen: 'good', rejected: 'bad' });
    expect(made).toEqual({ ...record, messages: prompt });
    const [whole] = await converted({
      chosen: [...prompt, assistant('good')],
      rejected: [...prompt, assistant('bad')],
    });
    expect(whole).toEqual(made);
  });

  const refused: [string, object, string, string][] = [
    ['no prompt', { chosen: 'good', rejected: 'bad' }, 'prompt', 'is missing'],
    ['one answer', { prompt: 'q', chosen: 'good' }, 'rejected', 'is missing'],
    ['an empty answer', { prompt: 'q', chosen: 'good', rejected: ' ' }, 'rejected', 'must not be empty'],
    ['a number', { prompt: 'q', chosen: 3, rejected: 'bad' }, 'chosen', 'must be a text or a list of messages'],
    [
      'an unknown role',
      { prompt: [{ role: 'Xyzzy', content: '' }], chosen: 'a', rejected: 'b' },
      'prompt[0].role',
      'must be a text or a list',
    ],
    ['an unknown field', { prompt: 'q', chosen: 'good', rejected: 'bad', Xyzzy: 1 }, '(row)', 'does not belong'],
    [
      'answers to different questions',
      { chosen: [user, assistant('good')], rejected: [{ ...user, content: 'Xyzzy' }, assistant('bad')] },
      'rejected',
      'must answer the same messages',
    ],
    ['no answer at the end', { chosen: [user], rejected: [user] }, 'prompt', 'is missing'],
    [
      'a question at the end',
      { prompt: 'q', chosen: [assistant('a'), user], rejected: [assistant('a'), user] },
      'prompt[2].role',
      'must be assistant',
    ],
    ['an empty prompt', { prompt: '', chosen: 'good', rejected: 'bad' }, 'prompt', 'must not be empty'],
    ['half a character', { prompt: 'q', chosen: '\ud800', rejected: 'bad' }, 'chosen', 'surrogate'],
  ];
  it.each(refused)('is refused with %s', async (_, row, field, reason) => {
    await expect(converted(row)).rejects.toMatchObject({
      code: 'invalid_dataset',
      details: { line: 1, field, reason: expect.stringContaining(reason) },
    });
    await expect(converted(row)).rejects.not.toThrow(/Xyzzy/);
  });
});

describe('an uploaded rating', () => {
  it('is one answer and whether it is desirable', async () => {
    expect(
      await converted(
        { prompt: 'q', completion: 'a', label: true },
        { prompt: [user], completion: [assistant('b')], label: false },
      ),
    ).toEqual([
      { kind: 'rating', messages: [user], answer: 'a', desirable: true },
      { kind: 'rating', messages: [user], answer: 'b', desirable: false },
    ]);
    await expect(converted({ prompt: 'q', completion: 'a', label: 1 })).rejects.toMatchObject({
      details: { field: 'label' },
    });
  });

  it('does not stand beside preferences in one file', async () => {
    await expect(
      converted({ prompt: 'q', chosen: 'a', rejected: 'b' }, { prompt: 'q', completion: 'a', label: true }),
    ).rejects.toMatchObject({ details: { line: 2 } });
  });
});

describe('an uploaded text with a hole', () => {
  it.each([
    ['Mistral', mistralProfile],
    ['Llama Stack', llamaStackProfile],
  ])('has a prefix, a middle and a suffix, by %s', async (_, profile) => {
    const hole = { prefix: 'a', middle: 'b', suffix: '' };
    expect(await convertedBy(profile, [hole])).toEqual([{ kind: 'fim', ...hole }]);
    await expect(convertedBy(profile, [{ ...hole, middle: ' ' }])).rejects.toMatchObject({
      details: { field: 'middle', reason: 'must not be empty' },
    });
    await expect(convertedBy(profile, [{ middle: 'b', suffix: 'c' }])).rejects.toMatchObject({
      details: { field: 'prefix', reason: 'is missing' },
    });
  });
});

it('any row of these fields gives a record or an error that names a field and quotes nothing', async () => {
  const secret = 'Xyzzy';
  const text = fc.constantFrom('', ' ', 'fine', `${secret} text`, '\ud800');
  const message = fc.record(
    {
      role: fc.constantFrom('system', 'user', 'assistant', 'tool', secret, 3),
      content: fc.oneof(text, fc.constant(null)),
    },
    { requiredKeys: [] },
  );
  const value = fc.oneof(text, fc.array(message, { maxLength: 4 }), fc.boolean(), fc.constant(null), message);
  const row = fc.dictionary(
    fc.constantFrom('prompt', 'chosen', 'rejected', 'completion', 'label', 'prefix', 'middle', 'suffix', secret),
    value,
    { maxKeys: 4 },
  );
  const fields =
    /^(\(row\)|(prompt|chosen|rejected|completion|label|prefix|middle|suffix)(\[\d+\](\.(role|content))?)?)$/;
  let records = 0;
  await fc.assert(
    fc.asyncProperty(row, async (made) => {
      const outcome = await converted(made).catch((error: Error) => error);
      if (Array.isArray(outcome)) {
        records++;
        expect(() => datasetRecordSchema.parse(outcome[0])).not.toThrow();
        return;
      }
      expect(outcome).toMatchObject({
        code: 'invalid_dataset',
        details: { line: 1, field: expect.stringMatching(fields) },
      });
      expect(JSON.stringify(outcome) + outcome.message).not.toContain(secret);
    }),
    { numRuns: 1000, examples: [[{ prompt: 'fine', chosen: 'fine', rejected: 'fine' }]] },
  );
  expect(records).toBeGreaterThan(0);
});
