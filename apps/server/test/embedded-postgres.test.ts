import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { prepareDataDirectory } from '../src/storage/data-directory.ts';
import { openDatabase } from '../src/storage/database/database.ts';
import { checkReachable, unprivilegedAccount } from '../src/storage/postgres/account.ts';
import { findPostgresBinaries } from '../src/storage/postgres/binaries.ts';
import { startEmbeddedPostgres } from '../src/storage/postgres/embedded-postgres.ts';
import { socketDirectory } from '../src/storage/postgres/socket-directory.ts';
import { atRest } from './support/at-rest.ts';
import { startChild } from './support/child-process.ts';
import { allGone, processesOf } from './support/processes.ts';
import { seedCluster } from './support/seed-cluster.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';
import { silent } from './support/test-databases.ts';

const postgresProcess = path.join(import.meta.dirname, 'support', 'postgres-process.ts');

async function query<T>(
  connection: Awaited<ReturnType<typeof startEmbeddedPostgres>>['connection'],
  text: string,
): Promise<T[]> {
  await using handle = await openDatabase(connection, silent.database);
  return (await handle.pool.query(text)).rows as T[];
}

describe('the embedded PostgreSQL', () => {
  it('keeps its data between starts, syncs it, and listens on no TCP port', async () => {
    await using directory = await temporaryDirectory();
    const target = path.join(directory.path, 'postgres');
    {
      await using postgres = await startEmbeddedPostgres(target, silent.postgres);
      await query(postgres.connection, 'create table kept (id int); insert into kept values (7)');
    }
    expect(await processesOf(target)).toEqual([]);
    await using postgres = await startEmbeddedPostgres(target, silent.postgres);
    expect(await query(postgres.connection, 'select id from kept')).toEqual([{ id: 7 }]);
    const settings = await query(
      postgres.connection,
      "select current_setting('fsync') as fsync, current_setting('listen_addresses') as addresses",
    );
    expect(settings).toEqual([{ fsync: 'on', addresses: '' }]);
    expect((await stat(target)).mode & 0o077).toBe(0);
  });

  it('is stopped, with all of its processes, when the server is killed', async () => {
    await using directory = await temporaryDirectory();
    await seedCluster(path.join(directory.path, 'postgres'));
    await using server = startChild(postgresProcess, { DIRECTORY: directory.path });
    await server.lines.next();
    expect((await processesOf(directory.path)).length).toBeGreaterThan(0);
    server.kill('SIGKILL');
    await server.exited;
    await allGone(directory.path);
  });

  it('starts at once after a kill, whatever the earlier one is doing then', async () => {
    await using directory = await temporaryDirectory();
    const target = path.join(directory.path, 'postgres');
    await seedCluster(target);
    for (const pause of [0, 5, 20]) {
      await using server = startChild(postgresProcess, { DIRECTORY: directory.path });
      const { value } = (await server.lines.next()) as { value: { pid: number } };
      server.kill('SIGKILL');
      await server.exited;
      await sleep(pause);
      const started = performance.now();
      await using postgres = await startEmbeddedPostgres(target, silent.postgres);
      expect(atRest(performance.now() - started)).toBeLessThan(3000);
      expect(postgres.pid()).not.toBe(value.pid);
      expect(await query(postgres.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
    }
    await allGone(directory.path);
  });

  it('is started again when it dies by itself', async () => {
    await using directory = await temporaryDirectory();
    await seedCluster(path.join(directory.path, 'postgres'));
    await using postgres = await startEmbeddedPostgres(path.join(directory.path, 'postgres'), silent.postgres);
    const first = postgres.pid()!;
    process.kill(first, 'SIGKILL');
    for (const deadline = performance.now() + 30_000; postgres.pid() === first; await sleep(20))
      expect(performance.now()).toBeLessThan(deadline);
    expect(await query(postgres.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('makes its cluster whole or not at all', async () => {
    await using directory = await temporaryDirectory();
    const target = path.join(directory.path, 'postgres');
    await mkdir(path.join(target, 'cluster.new-0badf00d'), { recursive: true });
    await writeFile(path.join(target, 'cluster.new-0badf00d', 'PG_VERSION'), '18');
    await using postgres = await startEmbeddedPostgres(target, silent.postgres);
    expect(postgres.pid()).not.toBeNull();
    expect(await readdir(target)).not.toContain('cluster.new-0badf00d');
  });

  it('uses a short socket path when the data directory is too deep for one', async () => {
    await using directory = await temporaryDirectory();
    const data = path.join(directory.path, 'd'.repeat(60), 'd'.repeat(60));
    await prepareDataDirectory(data);
    const deep = path.join(data, 'postgres');
    await seedCluster(deep);
    await using postgres = await startEmbeddedPostgres(deep, silent.postgres);
    const socket = postgres.connection.host!;
    expect(socket.length).toBeLessThan(90);
    expect((await stat(socket)).mode & 0o077).toBe(0);
    expect(await query(postgres.connection, 'select 1 as one')).toEqual([{ one: 1 }]);
    await postgres[Symbol.asyncDispose]();
    await expect(stat(socket)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('does not use a socket directory that others can enter', async () => {
    const wanted = `/nowhere/${'d'.repeat(120)}/${process.pid}`;
    const { directory } = await socketDirectory(wanted, 0);
    await using _cleanup = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
    await chmod(directory, 0o777);
    await expect(socketDirectory(wanted, 0)).rejects.toMatchObject({ code: 'database_unusable' });
  });

  it.runIf(process.getuid?.() === 0)(
    'runs as another user below root, and as the owner of a cluster that is there',
    async () => {
      await using directory = await temporaryDirectory();
      expect((await unprivilegedAccount(path.join(directory.path, 'nothing')))?.uid).toBeGreaterThan(0);
      const { uid } = (await unprivilegedAccount(path.join(directory.path, 'nothing')))!;
      const nobody = (await readFile('/etc/passwd', 'utf8'))
        .split('\n')
        .find((line) => line.startsWith('nobody:'))!
        .split(':');
      await chown(directory.path, Number(nobody[2]), Number(nobody[3]));
      expect(await unprivilegedAccount(directory.path)).toEqual({
        name: 'nobody',
        uid: Number(nobody[2]),
        gid: Number(nobody[3]),
      });
      await seedCluster(path.join(directory.path, 'postgres'));
      await using postgres = await startEmbeddedPostgres(path.join(directory.path, 'postgres'), silent.postgres);
      expect((await stat(`/proc/${postgres.pid()}`)).uid).toBe(uid);
    },
  );

  it('says which directory its user may not pass', async () => {
    await using directory = await temporaryDirectory();
    const closed = path.join(directory.path, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const stranger = { name: 'stranger', uid: 54_321, gid: 54_321 };
    await expect(checkReachable(path.join(closed, 'data'), stranger, 'ATELIER_DATA')).rejects.toMatchObject({
      code: 'invalid_setting',
      message: expect.stringContaining(`may not pass ${closed}`),
    });
  });

  it('says how to go on without a PostgreSQL for this machine', async () => {
    await expect(findPostgresBinaries('sunos', 'sparc')).rejects.toMatchObject({
      code: 'database_unusable',
      message: expect.stringContaining('DATABASE_URL'),
    });
  });
});
