import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { AtelierError, catalogue, isAtelierError, type ErrorCode } from '../src/index.ts';

it('docs/reference/errors.md lists every code with its status, and no other', async () => {
  const page = await readFile(new URL('../../../docs/reference/errors.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const expected = Object.entries(catalogue).map(
    ([code, { status, retryable, message }]) =>
      `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${message} |`,
  );
  expect(rows.toSorted()).toEqual(expected.toSorted());
});

it('an error survives JSON, and an unknown code becomes internal', () => {
  for (const code of Object.keys(catalogue) as ErrorCode[]) {
    const error = new AtelierError(code, { reason: 'x', line: 3 });
    const copy = AtelierError.fromJSON(JSON.parse(JSON.stringify(error)));
    expect(copy).toMatchObject({ code, message: error.message, status: catalogue[code].status });
    expect(isAtelierError(copy)).toBe(true);
  }
  expect(AtelierError.fromJSON({ code: 'constructor', details: {} }).code).toBe('internal');
  expect(isAtelierError(new Error('x'))).toBe(false);
});
