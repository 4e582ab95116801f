import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';

/** sockaddr_un holds 108 bytes on Linux and 104 on macOS, a closing zero among them. */
const SOCKET_PATH_LIMIT = 103;
const SOCKET_NAME = '.s.PGSQL.5432';

/**
 * The directory of the Unix socket: `wanted` if the socket's path fits there, else a short one under the temporary
 * directory, the same for the same `wanted` at every start, open to `uid` alone.
 * @throws AtelierError `database_unusable` when someone else made that short one.
 */
export async function socketDirectory(wanted: string, uid: number): Promise<{ directory: string; temporary: boolean }> {
  if (Buffer.byteLength(path.join(wanted, SOCKET_NAME)) <= SOCKET_PATH_LIMIT)
    return { directory: wanted, temporary: false };
  const name = `atelier-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`;
  const directory = path.join(os.tmpdir().length > 60 ? '/tmp' : os.tmpdir(), name);
  await mkdir(directory, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(directory);
  const ours = found.uid === uid || found.uid === process.getuid?.();
  if (!found.isDirectory() || !ours || (found.mode & 0o077) !== 0) {
    throw new AtelierError('database_unusable', {
      reason: `${directory} was made by someone else; remove it, or choose a shorter ATELIER_DATA`,
    });
  }
  return { directory, temporary: true };
}
