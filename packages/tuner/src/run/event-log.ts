/** events.jsonl: appended, read back on resume, cut where a kill left half a line. */
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { runEventSchema, type RunEvent } from '../contract/index.ts';

type Unstamped = RunEvent extends infer Event ? (Event extends RunEvent ? Omit<Event, 'at'> : never) : never;

export class EventLog implements Disposable {
  /** What earlier starts of this run reported. */
  readonly past: readonly RunEvent[];
  readonly #descriptor: number;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'a+', 0o600);
    const text = readFileSync(this.#descriptor, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) ftruncateSync(this.#descriptor, Buffer.byteLength(whole));
    this.past = whole
      .split('\n')
      .filter(Boolean)
      .map((line) => runEventSchema.parse(JSON.parse(line)));
  }

  /** Appends an event. Steps are not synced: a crash of the machine loses them, and the resumed run reports them again. */
  write(event: Unstamped): void {
    writeSync(this.#descriptor, `${JSON.stringify({ at: Date.now() / 1000, ...event })}\n`);
    if (event.type !== 'step') fsyncSync(this.#descriptor);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}
