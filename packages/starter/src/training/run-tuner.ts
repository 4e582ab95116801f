import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const tuner = fileURLToPath(new URL('../../../tuner/src/main.ts', import.meta.url));
/** The tuner's exit code for "saved a checkpoint, resume later". */
export const interrupted = 75;

/** Runs the tuner until it ends; asked to stop, by a signal or when the time is up, it saves a checkpoint first. */
export async function runTuner(directory: string, minutes?: number): Promise<number> {
  const resume = existsSync(path.join(directory, 'events.jsonl')) ? ['--resume'] : [];
  const child = spawn(process.execPath, [tuner, 'run', directory, ...resume], { stdio: 'inherit' });
  const stop = () => child.kill('SIGTERM');
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const timer = minutes === undefined ? undefined : setTimeout(stop, minutes * 60_000);
  try {
    return await new Promise((resolve, reject) =>
      child.once('error', reject).once('exit', (code) => resolve(code ?? 1)),
    );
  } finally {
    clearTimeout(timer);
    process.off('SIGTERM', stop).off('SIGINT', stop);
  }
}
