/** Commands of the tuner on a directory of files, without a server: each is the tuner's own process, with its words and exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Command } from 'commander';

const tuner = path.join(path.dirname(createRequire(import.meta.url).resolve('@atelier/tuner')), 'main.ts');

export function addTunerCommands(program: Command): void {
  program
    .command('plan <directory>')
    .description('what a run would do, take and cost, without training; see docs/reference/run-directory.md')
    .option('--time', 'load the model and time its steps as well')
    .action((directory: string, { time }: { time?: true }) => tune('plan', directory, time ? ['--time'] : []));
  program
    .command('search <directory>')
    .description('try hyper-parameters as search.json says, or go on with it; see docs/guide/search.md')
    .action((directory: string) => tune('search', directory, []));
}

async function tune(command: string, directory: string, options: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [tuner, command, directory, ...options], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, ATELIER_PARENT_PIPE: '1' },
  });
  child.stdin.on('error', () => {});
  // A Ctrl-C in the terminal reaches the tuner by itself; it ends in its own time.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code] = (await once(child, 'close')) as [number | null];
  process.exitCode = code ?? 1;
}
