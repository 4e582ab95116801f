import { spawnSync } from 'node:child_process';

/** What an empty Node takes to start on two idle cores of the machine that these limits were set on. */
const NODE_START_MS = 45;

/**
 * How long something that took `ms` just now would take on an idle machine. Tests run beside others; a limit on time is
 * a statement about our work, and a busy machine is told by how long an empty Node takes to start on it.
 */
export function atRest(ms: number): number {
  const started = performance.now();
  for (let i = 0; i < 3; i++) spawnSync(process.execPath, ['-e', '0']);
  return ms / Math.max(1, (performance.now() - started) / 3 / NODE_START_MS);
}

export function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}
