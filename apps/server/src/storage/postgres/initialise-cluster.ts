import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { AtelierError } from '@atelier/errors';
import { syncDirectory } from '../sync-directory.ts';
import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import { supervisedSpawn } from './supervised-spawn.ts';

export const databaseUser = 'atelier';

const UNFINISHED = 'cluster.new-';

/**
 * Makes `directory`/cluster unless it is there: under another name first and then renamed, so that a start cut short
 * leaves none or a whole one. Sorting is by code point (PostgreSQL's own C.UTF-8), the same on every machine.
 */
export async function initialiseCluster(
  directory: string,
  binaries: PostgresBinaries,
  account: Account | null,
): Promise<string> {
  const cluster = path.join(directory, 'cluster');
  for (const name of await readdir(directory)) {
    if (name.startsWith(UNFINISHED))
      await rm(path.join(directory, name), { recursive: true, force: true, maxRetries: 10 });
  }
  if (
    await stat(path.join(cluster, 'PG_VERSION')).then(
      () => true,
      () => false,
    )
  )
    return cluster;

  const aside = path.join(directory, UNFINISHED + randomBytes(4).toString('hex'));
  await mkdir(aside, { mode: 0o700 });
  if (account) await chown(aside, account.uid, account.gid);
  const initdb = supervisedSpawn(
    [
      binaries.initdb,
      '--pgdata',
      aside,
      '--username',
      databaseUser,
      '--auth',
      'trust',
      '--encoding',
      'UTF8',
      '--locale-provider',
      'builtin',
      '--builtin-locale',
      'C.UTF-8',
      '--locale',
      'C',
      '--no-instructions',
    ],
    aside,
    account,
  );
  const exited = new Promise<number | null>((resolve, reject) => initdb.once('error', reject).once('close', resolve));
  const [code, complaint] = await Promise.all([exited, text(initdb.stderr!)]);
  if (code !== 0) {
    await rm(aside, { recursive: true, force: true });
    throw new AtelierError('database_unusable', { reason: `initdb failed: ${complaint.trim()}` });
  }
  await rename(aside, cluster);
  await syncDirectory(directory);
  return cluster;
}
