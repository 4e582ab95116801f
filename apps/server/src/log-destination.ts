/** Where log lines go: gathered and written without anyone waiting, and dropped, by the count, where nobody reads them. */
import { write, writeSync } from 'node:fs';
import { type DestinationStream, symbols } from 'pino';
import { Counter, type Registry } from 'prom-client';

/** One write for many lines: a write for each would cost a request more than most of what it does. */
const chunkLength = 16 << 10;
/** A line waits no longer than this for others to be written with. */
const patienceMs = 100;
/** Characters that wait for a reader who has stopped to read: the lines of about 20,000 requests. */
const mostWaiting = 4 << 20;
/** What is being written when the process ends gets so long to be done. */
const graceMs = 200;
/** So long a process that ends waits for a reader who does not keep up. */
const lastMs = 5000;
/** pino's number for the least severe line that is written at once. */
const urgent = 50;

/**
 * A file descriptor as the destination of a pino logger. Lines from `error` on, and those of a process that exits, are
 * written at once; only a process that is killed loses others, of the last 0.1 s. What nobody reads beyond 4 MiB is dropped
 * and counted, and the log says so when it goes on. (pino's own destination wakes up ten times a second to write nothing,
 * and measures all that waits at each line.)
 */
export class LogDestination implements DestinationStream {
  readonly [symbols.needsMetadataGsym] = true;
  /** Set by pino before each line. */
  lastLevel = 0;
  readonly #fd: number;
  #waiting = '';
  #writing = false;
  /** What a full pipe did not take, to be tried again. */
  #refused: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;
  #untold = 0;

  constructor(fd = 2) {
    this.#fd = fd;
    process.once('exit', () => this.#end());
  }

  /** Lines that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#waiting.length + line.length > mostWaiting) return this.#drop(1);
    this.#waiting += line;
    this.#next(this.lastLevel >= urgent);
  }

  #next(now: boolean): void {
    if (this.#writing || this.#waiting === '') return;
    if (now || this.#waiting.length >= chunkLength) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), patienceMs);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = true;
    this.#send(Buffer.from(this.#waiting));
    this.#waiting = '';
  }

  #send(bytes: Buffer): void {
    this.#refused = undefined;
    write(this.#fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        this.#refused = bytes;
        return void setTimeout(() => this.#send(bytes), patienceMs);
      }
      if (!error && written < bytes.length) return this.#send(bytes.subarray(written));
      if (error) this.#drop(bytes.toString().split('\n').length - 1);
      else this.#tell();
      this.#writing = false;
      this.#next(this.lastLevel >= urgent);
    });
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#untold += lines;
  }

  #tell(): void {
    if (this.#untold === 0) return;
    const line = {
      level: 'warn',
      time: new Date().toISOString(),
      pid: process.pid,
      name: 'log',
      dropped: this.#untold,
    };
    this.#untold = 0;
    this.#waiting += `${JSON.stringify({ ...line, msg: 'lines were dropped that could not be written in time' })}\n`;
  }

  #end(): void {
    const start = performance.now();
    // A thread of libuv's is writing: two writes at once could mix their lines.
    if (this.#writing && !this.#refused) pause(graceMs);
    const rest = Buffer.concat([this.#refused ?? Buffer.alloc(0), Buffer.from(this.#waiting)]);
    for (let bytes = rest; bytes.length > 0;)
      try {
        bytes = bytes.subarray(writeSync(this.#fd, bytes));
      } catch (error) {
        // Nobody reads it, and nobody could be told.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() - start > lastMs) return;
        pause(10);
      }
  }
}

/** Stops the whole process. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export function addLogMetrics(registry: Registry, log: LogDestination): void {
  const metric: Counter = new Counter({
    name: 'atelier_log_lines_dropped_total',
    help: 'Log lines that were dropped because they could not be written in time',
    registers: [registry],
    collect() {
      metric.reset();
      metric.inc(log.dropped);
    },
  });
}
