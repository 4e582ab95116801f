import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncDirectory } from './sync-directory.ts';

/**
 * The secret kept in `file` (mode 0600), made from 32 random bytes when there is none. `created` tells which.
 * Written aside and renamed, so that a start cut short leaves no half secret.
 */
export async function readOrCreateSecret(file: string, prefix = ''): Promise<{ secret: string; created: boolean }> {
  const existing = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (existing !== null) return { secret: existing.trim(), created: false };
  const secret = prefix + randomBytes(32).toString('base64url');
  const aside = `${file}.new`;
  await rm(aside, { force: true });
  const handle = await open(aside, 'wx', 0o600);
  try {
    await handle.writeFile(`${secret}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, file);
  await syncDirectory(path.dirname(file));
  return { secret, created: true };
}
