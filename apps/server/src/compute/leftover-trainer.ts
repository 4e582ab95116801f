import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AtelierError } from '@atelier/errors';
import { commandLine, sendSignal } from '../command-line.ts';

const WAIT_MS = 10_000;

const pidFile = (directory: string) => path.join(directory, 'trainer.pid');

export async function writeTrainerPid(directory: string, pid: number): Promise<void> {
  await writeFile(pidFile(directory), `${pid}\n`, { mode: 0o600 });
}

export async function clearTrainerPid(directory: string): Promise<void> {
  await rm(pidFile(directory), { force: true });
}

/**
 * A trainer ends by itself when its server is killed, but not always before the next server starts: two must never write
 * one run. Kills the one that is left in `directory`, if any, and waits until it is gone; a checkpoint makes good the rest.
 */
export async function killLeftoverTrainer(directory: string): Promise<boolean> {
  const pid = Number.parseInt(await readFile(pidFile(directory), 'utf8').catch(() => ''), 10);
  if (!(pid > 1) || !(await commandLine(pid)).includes(` ${directory} `)) return false;
  sendSignal(pid, 'SIGKILL');
  for (const deadline = performance.now() + WAIT_MS; (await commandLine(pid)) !== ''; await sleep(20)) {
    if (performance.now() > deadline)
      throw new AtelierError('training_failed', { reason: `trainer ${pid} of an earlier start does not stop` });
  }
  return true;
}
