import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Milliseconds in which processors were idle, all together (NaN: nobody knows), and which this process has used of them. */
export type ProcessorTimes = { idle: number; own: number };

/** Systems count in hundredths of a second, so that times shorter together say little. */
const shortestMs = 200;

/**
 * How many processors others leave to this process: those that were idle while it computed, and what it used itself. What
 * others do while it waits for work says little of what they do when it has some. The load average says it too late: it
 * forgets a busy minute, and hears of one that begins, only in the course of the next.
 */
export class ProcessorRoom {
  readonly #read: () => ProcessorTimes;
  readonly #clock: () => number;
  #begin: ProcessorTimes & { at: number };
  /** Milliseconds of computing, and of processors that were left in them, since it was last worked out. */
  #ms = 0;
  #left = 0;
  #processors = Infinity;

  constructor(read: () => ProcessorTimes = processorTimes, clock: () => number = () => performance.now()) {
    this.#read = read;
    this.#clock = clock;
    this.#begin = this.#look();
  }

  /** A fraction, at least 1; Infinity where nobody knows. */
  get processors(): number {
    if (this.#ms + this.#clock() - this.#begin.at >= shortestMs) this.#count();
    return this.#processors;
  }

  /** This process begins to compute. */
  resume(): void {
    this.#begin = this.#look();
  }

  /** This process stops computing. */
  pause(): void {
    this.#count();
  }

  #count(): void {
    const now = this.#look();
    const { at, idle, own } = this.#begin;
    this.#begin = now;
    this.#ms += now.at - at;
    this.#left += now.idle - idle + now.own - own;
    if (this.#ms < shortestMs) return;
    this.#processors = Number.isNaN(this.#left) ? Infinity : Math.max(1, this.#left / this.#ms);
    this.#ms = 0;
    this.#left = 0;
  }

  #look(): ProcessorTimes & { at: number } {
    return { at: this.#clock(), ...this.#read() };
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
    // Seconds since the start, and those of all processors in which they were idle.
    return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[1]) * 1000;
  } catch {
    return NaN;
  }
}
