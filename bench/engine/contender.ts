import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { prompts } from './prompts.ts';
import type { Timing } from './stream-client.ts';

/** Requests that are sent at once, in characters of which each is a token. */
export type Load = { prompts: string[]; maxTokens: number };

export type Settings = {
  modelFile: string;
  threads: number;
  concurrent: number;
  contextTokens: number;
  directory: string;
};

/**
 * The same for all, over the whole vocabulary. No cuts: the probabilities of a random model are nearly equal, so that they
 * would spend as long on sorting them as the model on computing them, which nobody's model asks of them.
 */
export const sampling = { temperature: 0.7 };

/** Somebody who serves the model, in processes of their own. */
export type Contender = AsyncDisposable & {
  name: string;
  /** The root of its processes. */
  pid: number;
  run: (load: Load) => Promise<Timing[]>;
};

/** Servers run for weeks: what they do with a request has been compiled, and found, before. */
export async function warmUp(contender: Contender): Promise<void> {
  for (let i = 0; i < 200; i++) await contender.run({ prompts: prompts(1, 8, false, i), maxTokens: 2 });
}

let logs = 0;

/** Starts a program and waits for a line of its output that `ready` makes something of. */
export async function started<T>(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  ready: (line: string) => T | undefined,
): Promise<{ child: ChildProcess; value: T; lines: AsyncIterator<string> }> {
  // A file: a log that goes into a pipe waits for whoever reads it, who is busy measuring.
  const log = path.join(tmpdir(), `bench-${process.pid}-${logs++}.log`);
  const descriptor = openSync(log, 'w');
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', descriptor], env: { ...process.env, ...env } });
  closeSync(descriptor);
  child.once('exit', (code) => code || rmSync(log, { force: true }));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  for (;;) {
    const { done, value: line } = await lines.next();
    if (done === true) throw new Error(`${command} ended before it was ready: ${tryRead(log).slice(-2000)}`);
    const value = ready(line);
    if (value !== undefined) return { child, value, lines };
  }
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** Seconds of processor time that a process and those below it have used; NaN where the system has no /proc. */
export function processorSeconds(root: number): number {
  try {
    const parents = new Map<number, { parent: number; ticks: number }>();
    for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
      // A process may leave while it is looked at.
      const stat = tryRead(`/proc/${name}/stat`);
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // Their own and, so that the sum never falls, that of the children that have left.
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      if (fields.length > 14) parents.set(Number(name), { parent: Number(fields[1]), ticks });
    }
    const isBelow = (pid: number): boolean => pid === root || (pid > 1 && isBelow(parents.get(pid)?.parent ?? 0));
    let ticks = 0;
    for (const [pid, entry] of parents) if (isBelow(pid)) ticks += entry.ticks;
    return ticks / 100;
  } catch {
    return NaN;
  }
}

function tryRead(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
