import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type TestChild = AsyncDisposable & {
  child: ChildProcess;
  /** The lines of its standard output, each parsed as JSON. */
  lines: AsyncIterableIterator<unknown>;
  exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
};

/** Runs a TypeScript file as a process of its own, with nothing in its environment but `env` and the way to programs. */
export function startChild(file: string, env: Record<string, string>): TestChild {
  const child = spawn(process.execPath, [file], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const reader = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const lines: AsyncIterableIterator<unknown> = {
    [Symbol.asyncIterator]: () => lines,
    async next() {
      const { done, value } = await reader.next();
      return done ? { done, value: undefined } : { done: false, value: JSON.parse(value) as unknown };
    },
  };
  return {
    child,
    lines,
    exited,
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
