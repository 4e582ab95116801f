/** A process that trains so many steps for each line it is sent, and answers with what they took. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type Turn = { seconds: number; tokens: number; loss: number };

export class Worker implements AsyncDisposable {
  readonly name: string;
  peakBytes = 0;
  readonly turns: Turn[] = [];
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
    this.#process.stdin!.write(`${steps}\n`);
    const turn = await this.#answer<Turn>();
    if (keep) this.turns.push(turn);
  }

  /** Tokens a second, the median of the turns. */
  get speed(): number {
    const speeds = this.turns.map(({ tokens, seconds }) => tokens / seconds).sort((a, b) => a - b);
    return speeds[Math.floor(speeds.length / 2)]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin!.end();
    this.peakBytes = (await this.#answer<{ peakBytes: number }>().catch(() => ({ peakBytes: 0 }))).peakBytes;
    if (this.#process.exitCode === null) await once(this.#process, 'exit');
  }
}
