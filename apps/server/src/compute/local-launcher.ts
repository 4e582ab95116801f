/** Training runs as child processes of this server. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { isAtelierError } from '@atelier/errors';
import type { Logger } from '../logger.ts';
import type { StoredError } from '../storage/database/tables.ts';
import { tailEvents } from './event-tail.ts';
import type { Launcher, Run, RunEnd } from './launcher.ts';
import { clearTrainerPid, killLeftoverTrainer, writeTrainerPid } from './leftover-trainer.ts';

/** Exit codes of `tuner run`. */
const INTERRUPTED = 75;
const CANCELLED = 130;
const STDERR_KEPT = 4096;

export type LocalLauncherOptions = {
  /** The whole environment of a trainer: nothing of the server's is added, so nothing secret can be in it. */
  environment: Record<string, string>;
  /** How long an interrupted or cancelled run may take to end before it is killed. */
  graceMs: number;
  logger: Logger;
  /** What `run DIR` is given to. */
  command?: readonly string[];
};

export function tunerCommand(): readonly string[] {
  return [
    process.execPath,
    path.join(path.dirname(createRequire(import.meta.url).resolve('@atelier/tuner')), 'main.ts'),
  ];
}

export function createLocalLauncher({
  environment,
  graceMs,
  logger,
  command = tunerCommand(),
}: LocalLauncherOptions): Launcher {
  return {
    async launch(directory, signal) {
      if (await killLeftoverTrainer(directory))
        logger.warn({ directory: path.basename(directory) }, 'killed the trainer of an earlier start');
      signal.throwIfAborted();
      const eventFile = path.join(directory, 'events.jsonl');
      const earlier = await countEvents(eventFile);
      const [program, ...args] = [...command, 'run', directory, ...(earlier > 0 ? ['--resume'] : [])];
      // Its own session, or a Ctrl-C in the server's terminal would cancel it. The open pipe on its stdin tells it that
      // the server lives; argv arrays, no shell.
      const child = spawn(program!, args, {
        cwd: directory,
        env: { ...environment, ATELIER_PARENT_PIPE: '1' },
        detached: true,
        stdio: ['pipe', 'ignore', 'pipe'],
      });
      child.stdin.on('error', () => {});
      let complaint = '';
      child.stderr
        .setEncoding('utf8')
        .on('data', (text: string) => (complaint = (complaint + text).slice(-STDERR_KEPT)));
      const exited = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve) => {
        child.once('error', (error) => {
          logger.error({ err: error }, 'a trainer does not start');
          resolve({ exitCode: null, signal: null });
        });
        child.once('close', (exitCode, by) => resolve({ exitCode, signal: by }));
      });
      if (child.pid !== undefined) await writeTrainerPid(directory, child.pid);

      const interruption = new AbortController();
      let killTimer: NodeJS.Timeout | undefined;
      const onAbort = () => {
        const cancelled =
          isAtelierError(signal.reason) && signal.reason.code === 'cancelled' && !interruption.signal.aborted;
        child.kill(cancelled ? 'SIGINT' : 'SIGTERM');
        killTimer ??= setTimeout(() => child.kill('SIGKILL'), graceMs);
      };
      signal.addEventListener('abort', onAbort);
      interruption.signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();

      const ended = exited.then(async (exit): Promise<RunEnd> => {
        clearTimeout(killTimer);
        signal.removeEventListener('abort', onAbort);
        await clearTrainerPid(directory);
        const end = await describeEnd(exit, eventFile, earlier);
        logger[end.kind === 'crashed' ? 'error' : 'info'](
          { run: path.basename(directory), end: end.kind, ...exit },
          'trainer ended',
        );
        if (end.kind === 'crashed') logger.debug({ complaint }, 'standard error of the trainer');
        return end;
      });

      return {
        events: { [Symbol.asyncIterator]: () => tailEvents(eventFile, ended) },
        ended,
        async [Symbol.asyncDispose]() {
          interruption.abort();
          await ended;
        },
      } satisfies Run;
    },
  };
}

async function describeEnd(
  exit: { exitCode: number | null; signal: NodeJS.Signals | null },
  eventFile: string,
  earlier: number,
): Promise<RunEnd> {
  if (exit.exitCode === 0) return { kind: 'succeeded' };
  if (exit.exitCode === INTERRUPTED) return { kind: 'interrupted' };
  if (exit.exitCode === CANCELLED) return { kind: 'cancelled' };
  const error = await lastError(eventFile, earlier).catch(() => null);
  return error ? { kind: 'failed', error } : { kind: 'crashed', ...exit };
}

/** The error that this launch reported, not one of an earlier launch of the same directory. */
async function lastError(eventFile: string, earlier: number): Promise<StoredError | null> {
  let last: StoredError | null = null;
  let index = 0;
  for await (const event of tailEvents(eventFile, Promise.resolve())) {
    if (index++ >= earlier && event.type === 'error')
      last = { code: event.code, details: event.details, message: event.message };
  }
  return last;
}

async function countEvents(eventFile: string): Promise<number> {
  let count = 0;
  for await (const _event of tailEvents(eventFile, Promise.resolve())) count++;
  return count;
}
