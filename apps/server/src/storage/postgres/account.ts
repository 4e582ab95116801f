/**
 * PostgreSQL refuses to run as root. When the server is root, its PostgreSQL runs as a user of little right that every
 * machine has, and that user must be able to reach the data directory and the binaries.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';

export type Account = { name: string; uid: number; gid: number };

/** In the order of preference: a machine's own `postgres` is made for this. */
const candidates = ['postgres', 'nobody'];

/** The owner of `cluster` when there is one, so that it stays his. null: the server's own account will do. */
export async function unprivilegedAccount(cluster: string): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const owner = await stat(cluster).then(
    ({ uid }) => uid,
    () => 0,
  );
  const entry =
    entries.find((fields) => owner !== 0 && accountOf(fields).uid === owner) ??
    candidates.map((name) => entries.find((fields) => fields[0] === name)).find((fields) => fields !== undefined);
  if (entry) return accountOf(entry);
  throw new AtelierError('database_unusable', {
    reason: `the server runs as root and the machine has no user ${candidates.join(' or ')} for PostgreSQL; run it as another user, or set DATABASE_URL`,
  });
}

/** macOS writes nobody's id as -2. */
function accountOf([name = '', , uid, gid]: string[]): Account {
  return { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
}

/**
 * Every directory above `target` must let `account` pass.
 * @throws AtelierError `invalid_setting` naming the one that does not.
 */
export async function checkReachable(target: string, account: Account, setting: string): Promise<void> {
  for (let directory = path.dirname(target); ; directory = path.dirname(directory)) {
    const { mode, uid, gid } = await stat(directory);
    const passes = uid === account.uid ? mode & 0o100 : gid === account.gid ? mode & 0o010 : mode & 0o001;
    if (!passes) {
      throw new AtelierError('invalid_setting', {
        name: setting,
        reason:
          `the server runs as root, so its PostgreSQL runs as the user ${account.name}, who may not pass ${directory}: ` +
          `choose another place, allow it with "chmod o+x ${directory}", run the server as another user, or set DATABASE_URL`,
      });
    }
    if (directory === path.dirname(directory)) return;
  }
}
