/**
 * After a SIGKILL of the server its PostgreSQL may still be running, or be on its way down. The caller holds the data
 * directory's lock, so whatever runs on this cluster is a left-over: it is stopped, and the start that follows is clean.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AtelierError } from '@atelier/errors';
import { commandLine, sendSignal } from '../../command-line.ts';

/** The first is a fast shutdown, with a checkpoint; the second an immediate one, made good by recovery; both are safe. */
const steps: { signal: NodeJS.Signals; waitMs: number }[] = [
  { signal: 'SIGINT', waitMs: 1500 },
  { signal: 'SIGQUIT', waitMs: 1500 },
  { signal: 'SIGKILL', waitMs: 2000 },
];

/** @throws AtelierError `database_unusable` when the process does not go. */
export async function stopLeftover(cluster: string): Promise<number | null> {
  const pid = await postmasterPid(cluster);
  if (pid === null || !(await commandLine(pid)).includes(` ${cluster} `)) return null;
  for (const { signal, waitMs } of steps) {
    if (!sendSignal(pid, signal)) return pid;
    for (const deadline = performance.now() + waitMs; performance.now() < deadline;) {
      await sleep(20);
      if (!sendSignal(pid, 0)) return pid;
    }
  }
  throw new AtelierError('database_unusable', { reason: `PostgreSQL ${pid} of an earlier start does not stop` });
}

/** The process id in postmaster.pid; null without that file. */
export async function postmasterPid(cluster: string): Promise<number | null> {
  const text = await readFile(path.join(cluster, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return pid > 1 ? pid : null;
}
