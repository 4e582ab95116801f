import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Milliseconds in which processors were idle, all together (NaN: nobody knows), and which this process has used of them. */
export type ProcessorTimes = { idle: number; own: number };

/** Systems count in hundredths of a second, so that times closer together say little. */
const shortestMs = 200;
/** Between steps it is asked anyway; when work comes after a pause, what is known should not be of long ago. */
const pauseMs = 1000;

/**
 * How many processors others leave to this process: those that were idle in the last moments, and what it used itself. The
 * load average says it too late: it forgets a busy minute, and hears of one that begins, only in the course of the next.
 */
export class ProcessorRoom implements Disposable {
  readonly #read: () => ProcessorTimes;
  readonly #clock: () => number;
  readonly #timer: NodeJS.Timeout;
  #last: ProcessorTimes & { at: number };
  /** Until something is known, there is one. */
  #processors = 1;

  constructor(read: () => ProcessorTimes = processorTimes, clock: () => number = () => performance.now()) {
    this.#read = read;
    this.#clock = clock;
    this.#last = { at: clock(), ...read() };
    this.#timer = setInterval(() => this.processors, pauseMs).unref();
  }

  /** A fraction, at least 1; Infinity where nobody knows. */
  get processors(): number {
    const at = this.#clock();
    const ms = at - this.#last.at;
    if (ms >= shortestMs) {
      const { idle, own } = this.#read();
      const left = (idle - this.#last.idle + own - this.#last.own) / ms;
      this.#processors = Number.isNaN(left) ? Infinity : Math.max(1, left);
      this.#last = { at, idle, own };
    }
    return this.#processors;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function processorTimes(): ProcessorTimes {
  const { user, system } = process.cpuUsage();
  return { idle: idleMs(), own: (user + system) / 1000 };
}

/** Linux is asked directly: `cpus()` also asks for each processor's frequency, which can take it milliseconds each. */
function idleMs(): number {
  const idle = process.platform === 'linux' ? idleOnLinux() : cpus().reduce((sum, { times }) => sum + times.idle, 0);
  // Some sandboxes do not count: no system was never idle.
  return idle === 0 ? NaN : idle;
}

function idleOnLinux(): number {
  try {
    // `cpu`, then hundredths of a second: user, nice, system, idle, waiting for a disk.
    const [, , , , idle, waiting] = readFileSync('/proc/stat', 'latin1').split(/\s+/, 6);
    return (Number(idle) + Number(waiting)) * 10;
  } catch {
    return NaN;
  }
}
