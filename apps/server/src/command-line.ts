import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * The arguments of the running process `pid`, joined by spaces with one at each end; empty when there is none. A process
 * id is used again after its process, so a pid read from a file means nothing until its command line is the expected one.
 */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    return readFile(`/proc/${pid}/cmdline`, 'utf8').then(
      (text) => (text === '' ? '' : ` ${text.replaceAll('\0', ' ')}`),
      () => '',
    );
  }
  return promisify(execFile)('/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)]).then(
    ({ stdout }) => ` ${stdout.trim()} `,
    () => '',
  );
}

/** Sends `signal` (0: only asks); false when there is no such process. */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
