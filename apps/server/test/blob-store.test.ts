import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { AtelierError } from '@atelier/errors';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { blobPath } from '../src/storage/blobs/blob-path.ts';
import { type BlobStore, openBlobStore } from '../src/storage/blobs/blob-store.ts';
import { clearAside, sweepBlobs } from '../src/storage/blobs/sweep.ts';
import type { DatabaseHandle } from '../src/storage/database/database.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';

let databases: TestDatabases;
let handle: DatabaseHandle;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let root: string;
let blobs: BlobStore;

beforeAll(async () => {
  databases = await testDatabases();
});
afterAll(() => databases[Symbol.asyncDispose]());
beforeEach(async () => {
  handle = await databases.fresh();
  directory = await temporaryDirectory();
  root = path.join(directory.path, 'blobs');
  blobs = await openBlobStore(root, handle.database);
  return async () => {
    await handle[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  };
});

async function* chunks(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}
const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');
const aside = () => readdir(path.join(root, 'aside'));

/** A model row is the simplest one that names a blob. */
async function nameBlob(blob: string): Promise<void> {
  await handle.database
    .insertInto('models')
    .values({
      id: `m-${blob.slice(0, 8)}`,
      name: blob,
      family: 'llama',
      kind: 'base',
      blob,
      context_length: 1,
      parameters: 1,
      chat: false,
    })
    .execute();
}

describe('the blob store', () => {
  it('says that a file to be stored is missing, and leaves nothing', async () => {
    await expect(blobs.putFile(path.join(directory.path, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await aside()).toEqual([]);
  });

  it('stores content under its hash, readable whole and in ranges', async () => {
    const stored = await blobs.put(chunks('hello ', '', 'world'));
    expect(stored).toEqual({ sha256: sha256('hello world'), bytes: 11 });
    expect(await blobs.size(stored.sha256)).toBe(11);
    expect((await buffer(blobs.read(stored.sha256))).toString()).toBe('hello world');
    expect((await buffer(blobs.read(stored.sha256, { start: 4, end: 6 }))).toString()).toBe('o w');
    expect(await readFile(await blobs.localPath(stored.sha256), 'utf8')).toBe('hello world');
    expect(await handle.database.selectFrom('blobs').select(['sha256', 'bytes']).execute()).toEqual([stored]);
    expect(await aside()).toEqual([]);
  });

  it('stores the same content once, also when it comes twice at the same time', async () => {
    const content = randomBytes(300_000);
    const stored = await Promise.all(
      Array.from({ length: 4 }, () => blobs.put(chunks(content.subarray(0, 1000), content.subarray(1000)))),
    );
    expect(new Set(stored.map((blob) => blob.sha256))).toEqual(new Set([sha256(content)]));
    expect(await handle.database.selectFrom('blobs').select('bytes').execute()).toEqual([{ bytes: 300_000 }]);
  });

  it('stops at the limit and leaves nothing behind', async () => {
    await expect(blobs.put(chunks('12345', '6'), { limit: 5 })).rejects.toMatchObject({
      code: 'payload_too_large',
      details: { limit: 5 },
    });
    expect((await blobs.put(chunks('12345'), { limit: 5 })).bytes).toBe(5);
    expect(await aside()).toEqual([]);
  });

  it('leaves nothing behind when the sender breaks off or the request is aborted', async () => {
    async function* broken() {
      yield Buffer.from('a');
      throw new Error('the sender left');
    }
    await expect(blobs.put(broken())).rejects.toThrow('the sender left');
    const reason = new AtelierError('cancelled');
    await expect(blobs.put(chunks('a'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await aside()).toEqual([]);
    expect(await handle.database.selectFrom('blobs').selectAll().execute()).toEqual([]);
  });

  it('takes nothing but 64 lower-case hexadecimal digits for a name', async () => {
    const good = (await blobs.put(chunks('x'))).sha256;
    const bad = [
      good.toUpperCase(),
      good.slice(1),
      `${good}0`,
      `../../${good}`,
      `..\\${good}`,
      '%2e%2e%2f',
      `${good}\0`,
      `/${good}`,
      '',
      '．．／',
    ];
    for (const name of bad) await expect(blobs.size(name), name).rejects.toMatchObject({ code: 'not_found' });
    await expect(blobs.size('0'.repeat(64))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('the sweep', () => {
  it('removes what nothing names, and only that', async () => {
    const named = await blobs.put(chunks('named'));
    const unnamed = await blobs.put(chunks('unnamed'));
    await nameBlob(named.sha256);
    expect(await sweepBlobs(root, handle.database, { graceSeconds: 0 })).toEqual({ blobs: 1, strayFiles: 0 });
    expect(await blobs.size(named.sha256)).toBe(5);
    await expect(blobs.size(unnamed.sha256)).rejects.toMatchObject({ code: 'not_found' });
    expect(await handle.database.selectFrom('blobs').select('sha256').execute()).toEqual([{ sha256: named.sha256 }]);
  });

  it('knows every column that names a blob', async () => {
    const { rows } = await sql<{ column: string }>`
      select table_name || '.' || column_name as column from information_schema.columns
      where table_schema = 'public' and column_name like '%blob' order by 1`.execute(handle.database);
    const { rows: keys } = await sql<{ column: string }>`
      select conrelid::regclass || '.' || attname as column from pg_constraint
      join pg_attribute on attrelid = conrelid and attnum = conkey[1]
      where contype = 'f' and confrelid = 'blobs'::regclass order by 1`.execute(handle.database);
    expect(keys).toEqual(rows);
  });

  it('leaves alone what was put lately, since its row may not be there yet', async () => {
    const stored = await blobs.put(chunks('fresh'));
    expect(await sweepBlobs(root, handle.database)).toEqual({ blobs: 0, strayFiles: 0 });
    expect(await blobs.size(stored.sha256)).toBe(5);
  });

  it('removes files that have no row, and what was left aside', async () => {
    const stray = blobPath(root, sha256('stray'));
    await mkdir(path.dirname(stray), { recursive: true });
    await writeFile(stray, 'stray');
    await writeFile(path.join(root, 'aside', 'cut-short'), 'half');
    expect(await clearAside(root)).toBe(1);
    expect(await sweepBlobs(root, handle.database)).toEqual({ blobs: 0, strayFiles: 1 });
    expect(await readdir(path.dirname(stray))).toEqual([]);
  });

  it('never takes away content that is put at the same time', async () => {
    for (let round = 0; round < 20; round++) {
      const [stored] = await Promise.all([
        blobs.put(chunks('contended')),
        sweepBlobs(root, handle.database, { graceSeconds: 0 }),
      ]);
      const row = await handle.database.selectFrom('blobs').select('sha256').executeTakeFirst();
      const file = await blobs.size(stored.sha256).then(
        () => true,
        () => false,
      );
      expect(file).toBe(row !== undefined);
    }
  });
});
