/** Where log lines go: gathered and written without anyone waiting, and dropped, by the count, where nobody reads them. */
import { type DestinationStream, pino, symbols } from 'pino';
import { Counter, type Registry } from 'prom-client';

export type LogDestination = DestinationStream & { readonly dropped: number };

/** One write for many lines: on its own, each would cost a request more than most of what it does. */
const chunkBytes = 15 << 10;
/** A line waits no longer than this for others to be written with. */
const patienceMs = 100;
/** Lines of a reader that has stopped to read: about 20,000 requests. */
const mostWaitingBytes = 4 << 20;
/** pino's number for the least severe line that is written at once. */
const urgent = 50;

/**
 * A file descriptor as the destination of a pino logger. Lines from `error` on, and those of a process that exits, are
 * written at once; only a process that is killed loses others, of the last 100 ms. More than 4 MiB that nobody reads are
 * dropped and counted, and the log says so when it goes on.
 */
export function createLogDestination(fd = 2): LogDestination {
  const stream = pino.destination({
    fd,
    sync: false,
    minLength: chunkBytes,
    maxLength: mostWaitingBytes,
    periodicFlush: patienceMs,
  });
  let dropped = 0;
  let untold = 0;
  stream.on('drop', () => {
    dropped++;
    untold++;
  });
  stream.on('drain', () => {
    if (untold === 0) return;
    const line = { level: 'warn', time: new Date().toISOString(), pid: process.pid, name: 'log', dropped: untold };
    untold = 0;
    stream.write(`${JSON.stringify({ ...line, msg: 'lines were dropped that nobody read in time' })}\n`);
  });
  return {
    [symbols.needsMetadataGsym]: true,
    lastLevel: 0,
    write(line: string) {
      stream.write(line);
      if (this.lastLevel >= urgent) stream.flush();
    },
    get dropped() {
      return dropped;
    },
  } as LogDestination & { lastLevel: number };
}

export function addLogMetrics(registry: Registry, log: LogDestination): void {
  const metric: Counter = new Counter({
    name: 'atelier_log_lines_dropped_total',
    help: 'Log lines that were dropped because nobody read them in time',
    registers: [registry],
    collect() {
      metric.reset();
      metric.inc(log.dropped);
    },
  });
}
