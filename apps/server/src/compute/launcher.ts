/** Where a training run executes. Whatever it is, it starts `tuner run DIR` and tells what became of it. */
import type { RunEvent } from '@atelier/tuner/contract';
import type { StoredError } from '../storage/database/tables.ts';

export type RunEnd =
  | { kind: 'succeeded' }
  /** It has written a checkpoint and can be launched again. */
  | { kind: 'interrupted' }
  | { kind: 'cancelled' }
  /** It said why. */
  | { kind: 'failed'; error: StoredError }
  /** It ended without saying why: killed, out of memory, an abort in native code. It can be launched again. */
  | { kind: 'crashed'; exitCode: number | null; signal: NodeJS.Signals | null };

export type Run = AsyncDisposable & {
  /**
   * Every event of the directory from its first start on, in order, then live ones within a second; ends with the run. A
   * second iteration starts over. After a resume some steps come twice: the later one counts.
   */
  events: AsyncIterable<RunEvent>;
  /** Settles when the run is over and all its events are on disk. Never rejects. */
  ended: Promise<RunEnd>;
};

export interface Launcher {
  /**
   * Starts the run of `directory`, which holds its spec.json, or goes on with it where an earlier launch stopped.
   * When `signal` aborts because of an AtelierError `cancelled`, the run is cancelled; for any other reason it is
   * interrupted: it writes a checkpoint and ends. A run that does not end in time is killed. Disposing interrupts it too.
   */
  launch(directory: string, signal: AbortSignal): Promise<Run>;
}
