import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ChildResult {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs a script in a process of its own, where native code may abort without taking the tests along. */
export function runChild(script: URL, ...parameters: string[]): ChildResult {
  return runChildIn({}, script, ...parameters);
}

/** The same with more in its environment. */
export function runChildIn(
  environment: Readonly<Record<string, string>>,
  script: URL,
  ...parameters: string[]
): ChildResult {
  const result = spawnSync(process.execPath, [fileURLToPath(script), ...parameters], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...environment },
  });
  return { status: result.status, signal: result.signal, stdout: result.stdout, stderr: result.stderr };
}
