import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate, readMigrations } from '../src/storage/database/migrate.ts';
import { readManifest, readSchema } from '../src/storage/database/schema-manifest.ts';
import { type TestDatabases, testDatabases } from './support/test-databases.ts';

let databases: TestDatabases;
beforeAll(async () => {
  databases = await testDatabases();
});
afterAll(() => databases[Symbol.asyncDispose]());

describe('migrations', () => {
  it('make the schema that schema.json describes, whatever the version of PostgreSQL', async () => {
    await using handle = await databases.fresh();
    expect(await readSchema(handle.pool)).toEqual(await readManifest());
  });

  it('are applied once when several servers start together', async () => {
    await using handle = await databases.empty();
    const migrations = await readMigrations();
    const applied = await Promise.all(Array.from({ length: 4 }, () => migrate(handle.pool, migrations)));
    // Which of them applies which is chance.
    expect(applied.flat().toSorted()).toEqual(migrations.map(({ name }) => name));
    expect(await migrate(handle.pool, migrations)).toEqual([]);
  });

  it('leave nothing behind when one of them fails', async () => {
    await using handle = await databases.empty();
    const broken = { name: '0001-broken', sql: 'create table half (id int); select nonsense', sha256: 'x' };
    await expect(migrate(handle.pool, [broken])).rejects.toThrow('nonsense');
    expect(
      (await handle.pool.query("select to_regclass('half') as half, to_regclass('migrations') as history")).rows,
    ).toEqual([{ half: null, history: null }]);
  });

  it('refuse a database that a newer version made, and one whose history was changed', async () => {
    await using handle = await databases.empty();
    const first = { name: '0001-first', sql: 'select 1', sha256: 'a' };
    const second = { name: '0002-second', sql: 'select 1', sha256: 'b' };
    await migrate(handle.pool, [first, second]);
    await expect(migrate(handle.pool, [first])).rejects.toMatchObject({
      code: 'database_unusable',
      details: { reason: expect.stringContaining('0002-second') },
    });
    await expect(migrate(handle.pool, [{ ...first, sha256: 'other' }, second])).rejects.toMatchObject({
      code: 'database_unusable',
    });
  });

  it('keep one workspace from pointing into another', async () => {
    await using handle = await databases.fresh();
    await handle.pool.query(`
      insert into workspaces (id, name) values ('ws-a', 'a'), ('ws-b', 'b');
      insert into users (id, workspace_id, name) values ('user-a', 'ws-a', 'a'), ('user-b', 'ws-b', 'b')`);
    const insert = (workspace: string, user: string) =>
      handle.database
        .insertInto('projects')
        .values({ id: `ms-${workspace}${user}`, workspace_id: workspace, name: 'p', created_by: user })
        .execute();
    await insert('ws-a', 'user-a');
    await expect(insert('ws-a', 'user-b')).rejects.toMatchObject({ code: '23503' });
  });
});
