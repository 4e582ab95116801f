import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDownloadLinks } from '../src/core/access/download-links.ts';
import { testApp, type TestApp } from './support/test-app.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';

let databases: TestDatabases;
let test: TestApp;
const content = randomBytes(100_000);
let blob: string;

beforeAll(async () => {
  databases = await testDatabases();
  test = await testApp(databases);
  blob = (
    await test.blobs.put(
      (async function* () {
        yield content;
      })(),
    )
  ).sha256;
});
afterAll(async () => {
  await test[Symbol.asyncDispose]();
  await databases[Symbol.asyncDispose]();
});

const urlFor = (filename = 'data.jsonl', of = blob) =>
  test.links.urlFor({ blob: of, filename, contentType: 'application/jsonl' });
const get = (url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') =>
  test.app.inject({ method, url: url.replace('http://atelier.test', ''), headers });

describe('a download link', () => {
  it('gives the whole content to whoever holds it, as an attachment', async () => {
    const answer = await get(urlFor());
    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload.equals(content)).toBe(true);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/jsonl',
      'content-length': '100000',
      'accept-ranges': 'bytes',
      etag: `"${blob}"`,
      'content-disposition': `attachment; filename="data.jsonl"; filename*=UTF-8''data.jsonl`,
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([
    ['bytes=0-0', 206, 0, 1],
    ['bytes=10-19', 206, 10, 20],
    ['bytes=99990-', 206, 99_990, 100_000],
    ['bytes=-10', 206, 99_990, 100_000],
    ['bytes=99990-200000', 206, 99_990, 100_000],
    ['bytes=-200000', 206, 0, 100_000],
    ['bytes=5-4', 200, 0, 100_000],
    ['bytes=0-1,5-6', 200, 0, 100_000],
    ['lines=1-2', 200, 0, 100_000],
    ['bytes=-', 200, 0, 100_000],
    ['bytes=1e3-', 200, 0, 100_000],
  ])('gives the part that is asked for: %s', async (range, status, start, end) => {
    const answer = await get(urlFor(), { range });
    expect(answer.statusCode).toBe(status);
    expect(answer.rawPayload.equals(content.subarray(start, end))).toBe(true);
    expect(answer.headers['content-range']).toBe(status === 206 ? `bytes ${start}-${end - 1}/100000` : undefined);
  });

  it.each(['bytes=100000-', 'bytes=100000-100001', 'bytes=-0'])(
    'refuses a part that is not there: %s',
    async (range) => {
      const answer = await get(urlFor(), { range });
      expect([answer.statusCode, answer.headers['content-range'], answer.body]).toEqual([416, 'bytes */100000', '']);
    },
  );

  it('answers HEAD, and clients that have it already', async () => {
    const head = await get(urlFor(), {}, 'HEAD');
    expect([head.statusCode, head.headers['content-length'], head.body]).toEqual([200, '100000', '']);
    expect((await get(urlFor(), { 'if-none-match': `"${blob}"` })).statusCode).toBe(304);
    expect((await get(urlFor(), { range: 'bytes=0-1', 'if-range': `"${blob}"` })).statusCode).toBe(206);
    expect((await get(urlFor(), { range: 'bytes=0-1', 'if-range': '"older"' })).statusCode).toBe(200);
  });

  it('gives an empty content too', async () => {
    const empty = (await test.blobs.put((async function* () {})())).sha256;
    const answer = await get(urlFor('empty', empty));
    expect([answer.statusCode, answer.headers['content-length'], answer.body]).toEqual([200, '0', '']);
  });

  it('works only as it was made', async () => {
    const url = urlFor();
    const token = url.slice(url.lastIndexOf('/') + 1);
    const [text = '', signature = ''] = token.split('.');
    const forged = Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(text, 'base64url').toString()), e: 9_999_999_999 }),
    ).toString('base64url');
    const other = createDownloadLinks({ secret: 'another secret', lifeSeconds: 60, baseUrl: () => '' }).urlFor({
      blob,
      filename: 'x',
      contentType: 'x',
    });
    const tokens = [
      text,
      `${text}.`,
      `.${signature}`,
      `${forged}.${signature}`,
      `${text}.${signature}.x`,
      `${text}.${signature.slice(0, -2)}`,
      'x.y',
      other.slice(10),
      '%00.%00',
    ];
    for (const bad of tokens) expect((await get(`/download/${bad}`)).statusCode, bad).toBe(404);
  });

  it('expires, and ends with the content it names', async () => {
    const brief = createDownloadLinks({ secret: 'link secret', lifeSeconds: -5, baseUrl: () => '' });
    expect((await get(brief.urlFor({ blob, filename: 'x', contentType: 'x' }))).statusCode).toBe(404);
    expect((await get(urlFor('x', '0'.repeat(64)))).statusCode).toBe(404);
  });

  it.each([
    '../../etc/passwd',
    'a"b\r\nset-cookie: x=1',
    'naïve 数据.jsonl',
    "quote'(*).txt",
    '\ud800',
    'x'.repeat(5000),
  ])('keeps a name from doing more than naming: %.30s', async (filename) => {
    const answer = await get(urlFor(filename));
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(answer.headers['content-disposition']).toMatch(
      /^attachment; filename="[\w.-]*"; filename\*=UTF-8''[\w.%~!-]*$/,
    );
  });

  it('is not in the logs', () => {
    expect(test.logLines.some((line) => line.includes('/download/:token'))).toBe(true);
    expect(test.logLines.filter((line) => /download\/ey/.test(line))).toEqual([]);
  });
});
