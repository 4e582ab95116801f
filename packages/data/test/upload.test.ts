import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  convertDataset,
  emissaryProfile,
  laminiProfile,
  mistralProfile,
  type DatasetFormat,
  type DatasetProfile,
  type DatasetRecord,
} from '../src/index.ts';

async function* chunked(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

type Upload = { format?: DatasetFormat; profile?: DatasetProfile; chunk?: number };

async function converted(
  content: string | Uint8Array,
  { format = 'jsonl', profile = emissaryProfile, chunk = 7 }: Upload = {},
): Promise<DatasetRecord[]> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Array.fromAsync(convertDataset(chunked(bytes, chunk), format, profile));
}

const csv = (content: string | Uint8Array, profile = emissaryProfile): Promise<DatasetRecord[]> =>
  converted(content, { format: 'csv', profile });
const lines = (...rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const completion = (prompt: string, answer: string): DatasetRecord => ({
  kind: 'completion',
  prompt,
  completion: answer,
});

/** A row's text that no error message may show. */
const secret = 'Xyzzy-4711';

async function expectProblem(
  upload: Promise<unknown>,
  line: number,
  field: string,
  reason: RegExp | string,
): Promise<void> {
  const error = await upload.then(
    () => expect.unreachable('the upload was accepted'),
    (problem: Error) => problem,
  );
  expect(error).toMatchObject({
    code: 'invalid_dataset',
    details: { line, field, reason: expect.stringMatching(reason) },
  });
  expect(`${error.message}${JSON.stringify(error)}`).not.toContain(secret);
}

describe('a CSV upload', () => {
  it('becomes completions', async () => {
    const text = '\uFEFFinput,expected_output\r\nWhat?,"a ""quoted"", word"\r\n\r\n"two\nlines",größer\r\n';
    expect(await csv(text)).toEqual([completion('What?', 'a "quoted", word'), completion('two\nlines', 'größer')]);
    expect(await csv('input,output\na,\n', laminiProfile)).toEqual([completion('a', '')]);
  });

  it('must have exactly the columns of its API', async () => {
    for (const header of [
      'expected_output,input',
      'input',
      'input,expected_output,id',
      ' input,expected_output',
      `${secret},b`,
    ]) {
      await expectProblem(csv(`${header}\na,b\n`), 1, '(header)', 'must be exactly input,expected_output');
    }
    await expect(converted('a,b', { format: 'csv', profile: mistralProfile })).rejects.toMatchObject({
      code: 'unsupported_media_type',
    });
  });

  it('names the line where a bad row begins', async () => {
    const begin = 'input,expected_output\n"a\nb",c\n\n';
    await expectProblem(csv(`${begin}"${secret}\nx",\n`), 5, 'expected_output', 'must not be empty');
    await expectProblem(csv(`${begin}  ,${secret}\n`), 5, 'input', 'must not be empty');
    await expectProblem(csv(`${begin}${secret}\n`), 5, '(row)', 'has 1 cells, the header has 2');
    await expectProblem(csv(`${begin}a,${secret},c\n`), 5, '(row)', 'has 3 cells');
    await expectProblem(csv(`${begin}a,b\n${secret}"x,b\n`), 6, '(row)', 'quote within a cell');
    await expectProblem(csv(`${begin}"${secret}"x,b\n`), 5, '(row)', 'text after a closing quote');
    await expectProblem(csv('input,expected_output\na,b\n"never,closed\n\n\nx,y\n'), 3, '(row)', 'never closed');
    await expectProblem(csv(`${begin}${secret}\0,b\n`), 5, 'input', 'NUL');
    await expectProblem(
      csv(Buffer.concat([Buffer.from(begin), Buffer.from([0x61, 0xff, 0x2c, 0x62, 0x0a])])),
      5,
      '(row)',
      'UTF-8',
    );
  });

  it('must hold rows', async () => {
    await expectProblem(csv(''), 1, '(file)', 'no rows');
    await expectProblem(csv('\n\n'), 1, '(file)', 'no rows');
    await expectProblem(csv('input,expected_output\n \n'), 1, '(file)', 'no rows');
  });

  it('reads back any text that was written as CSV, however it is cut', async () => {
    const cell = fc
      .string({ unit: 'grapheme', maxLength: 12 })
      .filter((text) => text.trim() !== '' && !text.includes('\0'));
    const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        async (rows, chunk) => {
          const text = `input,expected_output\n${rows.map((row) => `${row.map(quoted).join()}\n`).join('')}`;
          expect(await converted(text, { format: 'csv', chunk })).toEqual(rows.map(([a, b]) => completion(a, b)));
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a JSONL upload', () => {
  it('becomes records, whatever its line ends', async () => {
    const rows = [
      { prompt: 'a', completion: 'b' },
      { prompt: 'ü\u2028😀', completion: '\nd' },
    ];
    const expected = [completion('a', 'b'), completion('ü\u2028😀', '\nd')];
    expect(await converted(lines(...rows))).toEqual(expected);
    expect(
      await converted(
        `\uFEFF\r\n${lines(...rows)
          .replaceAll('\n', '\r\n  \r\n')
          .trimEnd()}`,
      ),
    ).toEqual(expected);
    for (let chunk = 1; chunk < 30; chunk++) expect(await converted(lines(...rows), { chunk })).toEqual(expected);
  });

  it('may hold what its API takes, and only that', async () => {
    const pair = lines({ input: 'a', output: '' });
    expect(await converted(pair, { profile: laminiProfile })).toEqual([completion('a', '')]);
    await expectProblem(
      converted(pair),
      1,
      '(row)',
      'must have prompt, completion and score, or prompt and completion, or messages',
    );
    expect(await converted(lines({ text: 'once' }), { profile: mistralProfile })).toEqual([
      { kind: 'text', text: 'once' },
    ]);
    await expectProblem(converted(lines({ text: 'once' })), 1, '(row)', 'must have');
  });

  it('has numbers and maps of labels for tasks that learn them', async () => {
    const rows = lines({ prompt: 'a', completion: 1 }, { prompt: 'b', completion: { x: 1, y: 0 } });
    expect(await converted(rows)).toEqual([completion('a', '1'), completion('b', '{"x":1,"y":0}')]);
    await expectProblem(converted(lines({ input: 'a', output: 1 }), { profile: laminiProfile }), 1, 'output', 'a text');
  });

  it('must have one form of row throughout', async () => {
    const messages = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
    ];
    await expectProblem(
      converted(lines({ prompt: 'a', completion: 'b' }, { messages })),
      2,
      '(row)',
      'must have prompt and completion like the rows before it',
    );
    await expectProblem(
      converted(lines({ messages }, { prompt: 'a', completion: 'b' })),
      2,
      '(row)',
      'must have messages like',
    );
    await expectProblem(converted(lines({ prompt: 'a', completion: 'b', messages })), 1, '(row)', 'does not belong');
  });

  const bad: [string, string | Uint8Array, string, RegExp | string][] = [
    ['no JSON', `{"prompt": "${secret}`, '(row)', 'not valid JSON'],
    ['pretty-printed', '{\n"prompt": "a"}', '(row)', 'one whole JSON object'],
    ['two objects', '{"prompt":"a","completion":"b"}{}', '(row)', 'not valid JSON'],
    ['a list', `["${secret}"]`, '(row)', 'must be a JSON object'],
    ['null', 'null', '(row)', 'must be a JSON object'],
    ['a missing field', `{"prompt":"${secret}"}`, 'completion', 'is missing'],
    ['a null field', `{"prompt":"${secret}","completion":null}`, 'completion', 'must be a text'],
    ['a list of answers', `{"prompt":"${secret}","completion":["a"]}`, 'completion', 'must be a text'],
    ['a number for a prompt', `{"prompt":4711,"completion":"b"}`, 'prompt', 'must be a text'],
    ['a map of more than 0 and 1', `{"prompt":"a","completion":{"${secret}":2}}`, 'completion', 'label to 0 or 1'],
    ['a map of nothing', '{"prompt":"a","completion":{}}', 'completion', 'must not be empty'],
    ['an empty field', '{"prompt":"a","completion":" "}', 'completion', 'must not be empty'],
    ['an unknown field', `{"prompt":"a","completion":"b","${secret}":1}`, '(row)', 'does not belong'],
    ['another row', `{"${secret}":"a"}`, '(row)', 'or prompt and completion, or messages'],
    ['half a surrogate pair', `{"prompt":"${secret}\\ud83d","completion":"b"}`, 'prompt', 'surrogate'],
    ['half a surrogate pair in a name', `{"prompt":"a","completion":"b","${secret}\\ud83d":1}`, '(row)', 'surrogate'],
    ['NUL', `{"prompt":"${secret}\\u0000","completion":"b"}`, 'prompt', 'NUL'],
    ['raw NUL', `{"prompt":"\0","completion":"b"}`, '(row)', 'not valid JSON'],
    ['__proto__', `{"prompt":"a","completion":"b","__proto__":{"x":"${secret}"}}`, '(row)', '__proto__'],
    ['__proto__ inside', `{"prompt":"a","completion":[{"__proto__":1}]}`, '(row)', '__proto__'],
    ['depth', `{"prompt":${'['.repeat(100_000)}${']'.repeat(100_000)},"completion":"b"}`, '(row)', 'nested deeper'],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from('{"prompt":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
      '(row)',
      'UTF-8',
    ],
    ['an overlong encoding', Buffer.from([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x7d]), '(row)', 'UTF-8'],
    ['UTF-16', Buffer.from('\uFEFF{"prompt":"a","completion":"b"}', 'utf16le'), '(row)', 'UTF-8'],
    ['a mark in the middle', '\uFEFF{"prompt":"a","completion":"b"}', '(row)', 'not valid JSON'],
  ];
  it.each(bad)('is refused with line, field and reason: %s', async (_, row, field, reason) => {
    const good = Buffer.from('\n{"prompt":"a","completion":"b"}\n');
    await expectProblem(converted(Buffer.concat([good, Buffer.from(row)]), { chunk: 1000 }), 3, field, reason);
  });

  it('must hold rows', async () => {
    await expectProblem(converted(''), 1, '(file)', 'no rows');
    await expectProblem(converted('\n \n'), 1, '(file)', 'no rows');
  });

  it('may have rows of up to four mebibytes', async () => {
    const frame = '{"prompt":"a","completion":""}'.length;
    const row = (length: number): Promise<DatasetRecord[]> =>
      converted(`{"prompt":"a","completion":"${'x'.repeat(length - frame)}"}\n`, { chunk: 65_536 });
    expect(await row(4 << 20)).toHaveLength(1);
    await expectProblem(row((4 << 20) + 1), 1, '(row)', 'longer than 4194304 bytes');
    const text = `a,b\n"${'x'.repeat(5 << 20)}`;
    await expectProblem(csv(text.replace('a,b', 'input,expected_output')), 2, '(row)', 'longer than');
  });

  it('gives up at an endless line without keeping it', async () => {
    let given = 0;
    async function* endless(): AsyncIterable<Uint8Array> {
      for (;;) {
        given += 65_536;
        yield new Uint8Array(65_536).fill(0x61);
      }
    }
    for (const format of ['csv', 'jsonl'] as const) {
      given = 0;
      await expectProblem(Array.fromAsync(convertDataset(endless(), format, emissaryProfile)), 1, '(row)', 'longer');
      expect(given).toBeLessThan(6 << 20);
    }
  });

  it('has the same first error however it is cut into chunks', async () => {
    const rows = [
      '{"prompt":"a","completion":"b"}',
      '{"prompt":"a"}',
      '\xff',
      '{"prompt":"","completion":"b"}',
      'a,b',
      'a',
      '"a"b,c',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...rows), { maxLength: 8 }),
        fc.constantFrom('csv', 'jsonl'),
        fc.integer({ min: 1, max: 99 }),
        async (chosen, format, chunk) => {
          const bytes = Buffer.from(
            `${format === 'csv' ? 'input,expected_output\n' : ''}${chosen.join('\n')}`,
            'latin1',
          );
          const outcome = (size: number): Promise<unknown> =>
            converted(bytes, { format, chunk: size }).catch((error: Error) => error.message);
          expect(await outcome(chunk)).toEqual(await outcome(1 << 20));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is never quoted in an error, and never crashes', async () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      '\\',
      'prompt',
      'completion',
      'messages',
      '"prompt":',
      '"completion":"b"',
      '\\u',
      '\ud800',
      '\0',
      '\uFEFF',
      '__proto__',
      '\r',
      '"a"',
      'null',
      '1e999',
      '-',
      'input,expected_output\n',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), fc.constantFrom('csv', 'jsonl'), async (pieces, format) => {
        const text = `${pieces.join('')}${secret}${pieces.toReversed().join('')}`;
        const outcome = await converted(text, { format }).catch((error: Error) => error);
        if (!Array.isArray(outcome)) expect(outcome).toMatchObject({ code: 'invalid_dataset' });
        if (!Array.isArray(outcome)) expect(JSON.stringify(outcome) + outcome.message).not.toContain(secret);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a streaming upload', () => {
  const row = Buffer.from(`${JSON.stringify({ prompt: 'p'.repeat(200), completion: 'c'.repeat(300) })}\n`);
  const csvRow = Buffer.from(`${'p'.repeat(200)},${'c'.repeat(300)}\n`);

  it.each(['csv', 'jsonl'] as const)('is read no faster than its records are taken: %s', async (format) => {
    let given = 0;
    let ended = false;
    async function* source(): AsyncIterable<Uint8Array> {
      try {
        yield Buffer.from(format === 'csv' ? 'input,expected_output\n' : '');
        for (;;) {
          const rows = Buffer.concat(Array<Buffer>(100).fill(format === 'csv' ? csvRow : row));
          given += rows.length;
          yield rows;
        }
      } finally {
        ended = true;
      }
    }
    let taken = 0;
    for await (const _ of convertDataset(source(), format, emissaryProfile)) {
      if (++taken === 1000) break;
    }
    expect(given).toBeLessThan(1000 * row.length + (1 << 20));
    await expect.poll(() => ended).toBe(true);
  });

  it.each(['csv', 'jsonl'] as const)('takes little memory: %s', async (format) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'atelier-upload-'));
    try {
      const file = path.join(directory, 'data');
      const handle = await open(file, 'w');
      if (format === 'csv') await handle.write('input,expected_output\n');
      const block = Buffer.concat(Array<Buffer>(2000).fill(format === 'csv' ? csvRow : row));
      for (let i = 0; i < 64; i++) await handle.writeFile(block);
      await handle.close();
      let count = 0;
      let peak = 0;
      const before = process.memoryUsage().rss;
      for await (const _ of convertDataset(createReadStream(file), format, emissaryProfile)) {
        if (++count % 5000 === 0) peak = Math.max(peak, process.memoryUsage().rss);
      }
      expect(count).toBe(128_000);
      expect(peak - before).toBeLessThan(64 << 20);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
