import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { AtelierError } from '@atelier/errors';
import { renderReplySchema, type RenderReply, type RenderRequest, type RenderResult } from './renderer-messages.ts';

/** Time to start Node and load the template engine on a machine that is busy training. */
const startTimeoutMs = 60_000;

/** A template needs a few megabytes; one that eats memory dies by itself and takes nothing along. */
const maxHeapMegabytes = 192;

const source = new URL('./renderer-process.ts', import.meta.url);

/** One renderer process. It answers one request at a time and is thrown away when it does not. */
export class RendererChild implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #started: Promise<RenderReply | undefined>;

  constructor() {
    this.#process = fork(source, {
      // Only what Node itself may need to start, so that nothing of ours can leak into a rendered text.
      env: process.env['SystemRoot'] === undefined ? {} : { SystemRoot: process.env['SystemRoot'] },
      execArgv: [
        `--max-old-space-size=${maxHeapMegabytes}`,
        '--permission',
        '--allow-fs-read=*',
        '--allow-worker',
        '--no-warnings',
      ],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#process.on('error', () => {});
    this.#started = this.#nextReply(startTimeoutMs);
  }

  get alive(): boolean {
    return this.#process.connected && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Sends a request; undefined when the process has died, said something else, or not answered in time: dispose it then. */
  async ask(request: RenderRequest, timeoutMs: number): Promise<RenderResult[] | undefined> {
    this.#hold(true);
    try {
      if ((await this.#started) === undefined) {
        await this[Symbol.asyncDispose]();
        throw new AtelierError('internal', { reason: 'the renderer process did not start' });
      }
      const answer = this.#nextReply(timeoutMs);
      this.#process.send(request, () => {});
      const reply = await answer;
      const matches =
        reply !== undefined &&
        'id' in reply &&
        reply.id === request.id &&
        reply.results.length === request.inputs.length;
      return matches ? reply.results : undefined;
    } finally {
      this.#hold(false);
    }
  }

  /** An idle renderer does not keep its parent's event loop alive. */
  #hold(busy: boolean): void {
    const method = busy ? 'ref' : 'unref';
    this.#process[method]();
    this.#process.channel?.[method]();
  }

  #nextReply(timeoutMs: number): Promise<RenderReply | undefined> {
    return new Promise((resolve) => {
      const settle = (reply?: RenderReply): void => {
        clearTimeout(timer);
        this.#process.off('message', onMessage).off('exit', onExit).off('error', onExit);
        resolve(reply);
      };
      const onMessage = (message: unknown): void => settle(renderReplySchema.safeParse(message).data);
      const onExit = (): void => settle();
      const timer = setTimeout(settle, timeoutMs);
      this.#process.on('message', onMessage).on('exit', onExit).on('error', onExit);
      if (!this.alive) settle();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.pid === undefined || this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.ref();
    this.#process.kill('SIGKILL');
    await gone;
  }
}
