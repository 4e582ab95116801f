/**
 * `node main.ts run DIR [--resume]`: trains what DIR/spec.json says, in this process. The command that every launcher
 * starts, here or on another machine. Exit codes: 0 succeeded, 1 failed, 2 wrong usage, 75 interrupted (resume later),
 * 130 cancelled. SIGTERM interrupts, SIGINT or a file named DIR/cancel cancels, both within one micro-batch.
 *
 * `node main.ts plan DIR [--time]`: prints what that would do, take and cost as JSON (contract/plan.ts), without training;
 * exit code 1 when it does not fit the memory, or the spec or its data are wrong.
 *
 * `node main.ts search DIR`: tries what DIR/search.json says (contract/search.ts), or goes on with it; prints a line of JSON
 * for each trial that ended. Exit codes and signals as those of `run`.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { AtelierError, isAtelierError } from '@atelier/errors';
import type { StopRequest } from './objectives/objective.ts';
import { EventLog } from './run/event-log.ts';
import { planRun } from './run/preflight/plan-run.ts';
import { outOfMemory } from './run/preflight/require-room.ts';
import { search } from './run/search/search.ts';
import { train, type Outcome } from './run/trainer.ts';

const exitCodes: Record<Outcome, number> = { succeeded: 0, interrupted: 75, cancelled: 130 };

const commands: Record<string, { options: readonly string[]; start: typeof runDirectory }> = {
  run: { options: ['--resume'], start: runDirectory },
  plan: { options: ['--time'], start: printPlan },
  search: { options: [], start: searchDirectory },
};

async function main([command = '', directory, ...options]: readonly string[]): Promise<number> {
  const known = Object.hasOwn(commands, command) ? commands[command]! : undefined;
  if (!known || !directory || options.some((option) => !known.options.includes(option))) {
    const usage = Object.entries(commands).map(([name, each]) =>
      ['tuner', name, 'DIR', ...each.options.map((option) => `[${option}]`)].join(' '),
    );
    process.stderr.write(`usage: ${usage.join('\n       ')}\n`);
    return 2;
  }
  return known.start(directory, options);
}

async function printPlan(directory: string, options: readonly string[]): Promise<number> {
  try {
    const plan = await planRun(directory, { time: options.includes('--time') });
    process.stdout.write(`${JSON.stringify(plan, null, 2)}\n`);
    const { fits, total, limit } = plan.memory;
    if (!fits) throw outOfMemory(total, limit, plan.fitting);
    return 0;
  } catch (error) {
    if (!isAtelierError(error)) throw error;
    process.stderr.write(`${error.message} (${error.code})\n`);
    return 1;
  }
}

async function searchDirectory(directory: string): Promise<number> {
  dieWithParent();
  try {
    const outcome = await search(directory, stopRequest(directory), ({ trials, total, best }) => {
      process.stdout.write(`${JSON.stringify({ ...trials.at(-1), total, best })}\n`);
    });
    return exitCodes[outcome];
  } catch (error) {
    if (!isAtelierError(error)) throw error;
    process.stderr.write(`${error.message} (${error.code})\n`);
    return 1;
  }
}

async function runDirectory(directory: string, options: readonly string[]): Promise<number> {
  if (!existsSync(directory)) {
    process.stderr.write(`${directory}: there is no such directory\n`);
    return 2;
  }
  using log = new EventLog(path.join(directory, 'events.jsonl'));
  const ended = log.past.findLast((event) => event.type === 'state')?.state;
  if (ended === 'succeeded') return 0;
  if (log.past.length > 0 && !options.includes('--resume')) {
    process.stderr.write(`${directory} holds a run that has started; continue it with --resume\n`);
    return 2;
  }
  const stop = stopRequest(directory);
  dieWithParent();
  try {
    const outcome = await train(directory, log, stop);
    log.write({ type: 'state', state: outcome, peakBytes: process.resourceUsage().maxRSS * 1024 });
    return exitCodes[outcome];
  } catch (error) {
    const known = isAtelierError(error) ? error : new AtelierError('training_failed', { reason: String(error) }, error);
    log.write({ type: 'error', code: known.code, details: known.details, message: known.message });
    log.write({ type: 'state', state: 'failed' });
    if (!isAtelierError(error)) console.error(error);
    return 1;
  }
}

/** What signals and the file `cancel` ask for. */
function stopRequest(directory: string): StopRequest {
  const cancelFile = path.join(directory, 'cancel');
  let request: 'cancelled' | 'interrupted' | undefined;
  process.on('SIGTERM', () => (request ??= 'interrupted'));
  process.on('SIGINT', () => (request = 'cancelled'));
  return { requested: () => (existsSync(cancelFile) ? 'cancelled' : request) };
}

/** A launcher that holds our standard input open takes us along when it is killed; the run resumes from its last checkpoint. */
function dieWithParent(): void {
  if (process.env['ATELIER_PARENT_PIPE'] !== '1') return;
  process.stdin.on('end', () => process.exit(75));
  process.stdin.on('error', () => process.exit(75));
  process.stdin.resume();
}

process.exit(await main(process.argv.slice(2)));
