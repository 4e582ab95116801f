/**
 * initdb takes most of the time that a test's own PostgreSQL takes to start. Tests of other things copy a cluster that was
 * made once: kept in node_modules/.cache, by version of PostgreSQL.
 */
import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { prepareDataDirectory } from '../../src/storage/data-directory.ts';
import { unprivilegedAccount } from '../../src/storage/postgres/account.ts';
import { findPostgresBinaries } from '../../src/storage/postgres/binaries.ts';
import { initialiseCluster } from '../../src/storage/postgres/initialise-cluster.ts';

const run = promisify(execFile);

/** Puts a new cluster into `directory`, where the embedded PostgreSQL expects it; makes the directory. */
export async function seedCluster(directory: string): Promise<void> {
  const binaries = await findPostgresBinaries();
  const { stdout: version } = await run(binaries.postgres, ['--version']);
  const cache = path.join(
    import.meta.dirname,
    '..',
    '..',
    '..',
    '..',
    'node_modules',
    '.cache',
    'atelier-test-cluster',
  );
  const template = path.join(cache, version.trim().replace(/\W+/g, '-'));
  if (!(await stat(template).catch(() => null))) await makeTemplate(cache, template, binaries);
  await mkdir(directory, { recursive: true });
  await run('cp', ['-a', template, path.join(directory, 'cluster')]);
}

/** Test files run side by side: each makes its own, and the first to finish leaves it for all. */
async function makeTemplate(
  cache: string,
  template: string,
  binaries: Awaited<ReturnType<typeof findPostgresBinaries>>,
): Promise<void> {
  await prepareDataDirectory(cache);
  const aside = await mkdtemp(path.join(cache, 'making-'));
  await prepareDataDirectory(aside);
  const account = await unprivilegedAccount(template);
  if (account) await chown(aside, account.uid, account.gid);
  const made = await initialiseCluster(aside, binaries, account);
  await rename(made, template).catch(() => {}); // another was first
  await rm(aside, { recursive: true, force: true });
}
