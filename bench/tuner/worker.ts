/** A process that trains so many steps for each line it is sent, and answers with what they took. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { median } from '../median.ts';

/** `backend`: what ours computes on. */
export type Turn = { seconds: number; tokens: number; loss: number; backend?: string };

/** Processor seconds that a process has taken, where the system says (Linux, 100 ticks a second). */
function processorSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}

export class Worker implements AsyncDisposable {
  readonly name: string;
  peakBytes = 0;
  readonly turns: (Turn & { processorSeconds: number })[] = [];
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(
    name: string,
    command: string,
    args: readonly string[],
    settings: object,
    environment: Record<string, string> = {},
  ) {
    this.name = name;
    this.#process = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
    this.#process.stdin!.write(`${JSON.stringify(settings)}\n`);
  }

  async #answer<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.name} ended early`);
    return JSON.parse(value) as T;
  }

  /** Trains `steps` steps; the first turn, which warms up, is not kept. */
  async turn(steps: number, keep: boolean): Promise<void> {
    const before = processorSeconds(this.#process.pid!);
    this.#process.stdin!.write(`${steps}\n`);
    const turn = await this.#answer<Turn>();
    if (keep) this.turns.push({ ...turn, processorSeconds: processorSeconds(this.#process.pid!) - before });
  }

  /** Tokens a second, the median of the turns. */
  get speed(): number {
    return median(this.turns.map(({ tokens, seconds }) => tokens / seconds));
  }

  /** Tokens for each second of a processor: what others do on the machine hardly changes it. */
  get thrift(): number {
    return median(this.turns.map((turn) => turn.tokens / turn.processorSeconds));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin!.end();
    this.peakBytes = (await this.#answer<{ peakBytes: number }>().catch(() => ({ peakBytes: 0 }))).peakBytes;
    if (this.#process.exitCode === null) await once(this.#process, 'exit');
  }
}
