/**
 * One server per data directory. The lock is SQLite's exclusive file lock (node:sqlite): the kernel holds it for the
 * process and drops it with the process, however that ends, so there is no stale lock to judge and no race in taking
 * it; Node itself offers no file lock. The pid file beside it only says who holds it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AtelierError } from '@atelier/errors';

const SQLITE_BUSY = 5;

/** @throws AtelierError `data_directory_in_use` at once when another process (or this one) holds `directory`. */
export async function lockDataDirectory(directory: string): Promise<Disposable> {
  const holder = path.join(directory, 'server.pid');
  const lock = new DatabaseSync(path.join(directory, 'server.lock'), { timeout: 0 });
  try {
    lock.exec('begin exclusive');
  } catch (error) {
    lock.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    const pid = (await readFile(holder, 'utf8').catch(() => '')).trim();
    throw new AtelierError('data_directory_in_use', { directory, pid: pid === '' ? 'unknown' : pid }, error);
  }
  await writeFile(holder, `${process.pid}\n`, { mode: 0o600 });
  return { [Symbol.dispose]: () => lock.close() };
}
