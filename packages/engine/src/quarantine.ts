import { statSync } from 'node:fs';
import { AtelierError } from '@atelier/errors';
import { basename } from 'node:path';
import { crashesToQuarantine, crashWindowMs } from './limits.ts';
import type { RunnerExit } from './runner-process.ts';

type Entry = { version: string; whileLoading: number; faults: number[] };

/** How faults end a process; null is one that it noticed itself. Being killed from outside while it serves says nothing about its model. */
const faults = new Set<NodeJS.Signals | null>([
  null,
  'SIGABRT',
  'SIGSEGV',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGTRAP',
  'SIGSYS',
]);

/**
 * Remembers which files crash their runner, and keeps them from being loaded again and again: after two crashes in a row
 * while loading, or two faults of native code within a minute. A file that was replaced gets a new chance.
 */
export class Quarantine {
  readonly #entries = new Map<string, Entry>();

  /** Throws `model_quarantined` for a file that may not be loaded. */
  check(path: string): void {
    const crashes = this.#crashes(path);
    if (crashes >= crashesToQuarantine) throw new AtelierError('model_quarantined', { name: basename(path), crashes });
  }

  /** A runner has left without being asked. */
  record(
    { suspect: path, whileLoading, signal }: Pick<RunnerExit, 'suspect' | 'whileLoading' | 'signal'>,
    now = Date.now(),
  ): void {
    if (path === undefined) return;
    const version = fileVersion(path);
    let entry = this.#entries.get(path);
    if (entry?.version !== version) entry = { version, whileLoading: 0, faults: [] };
    if (whileLoading) entry.whileLoading++;
    else if (faults.has(signal)) {
      entry.faults = [...entry.faults.filter((at) => now - at < crashWindowMs), now];
    }
    this.#entries.set(path, entry);
  }

  /** The file has loaded, so crashes while loading are no longer in a row. */
  forgiveLoading(path: string): void {
    const entry = this.#entries.get(path);
    if (entry) entry.whileLoading = 0;
  }

  get paths(): string[] {
    return [...this.#entries.keys()].filter((path) => this.#crashes(path) >= crashesToQuarantine);
  }

  #crashes(path: string): number {
    const entry = this.#entries.get(path);
    if (!entry || entry.version !== fileVersion(path)) return 0;
    return Math.max(entry.whileLoading, entry.faults.length);
  }
}

/** Changes when the file does. */
function fileVersion(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}` : '';
}
