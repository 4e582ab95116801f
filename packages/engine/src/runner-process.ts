import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { AtelierError } from '@atelier/errors';
import { JsonChannel } from './json-channel.ts';
import { maxCommandBytes, maxLogLineLength, maxReportBytes, runnerExitMs } from './limits.ts';
import type { EngineLogger } from './logger.ts';
import {
  reportSchema,
  type Command,
  type EncodeCommand,
  type GenerateCommand,
  type LoadCommand,
  type LoadedModel,
  type Outcome,
  type PrepareCommand,
  type Report,
  type RunnerStatistics,
  type TokenizeCommand,
} from './protocol.ts';

const entry = fileURLToPath(new URL('./runner/main.ts', import.meta.url));

/** Told what becomes of one request; after the `finish` of its last choice, an answer or an `error` nothing follows. */
export type Listener = (outcome: Omit<Outcome, 'id' | 'error'> & { error?: AtelierError }) => void;

type NewRequest =
  | Omit<EncodeCommand, 'id'>
  | Omit<GenerateCommand, 'id'>
  | Omit<PrepareCommand, 'id'>
  | Omit<TokenizeCommand, 'id'>;

/** `parts`: outcomes that are the last of their choice or input, or of the request where it has none, still to come. */
type Request = { listener: Listener; adapter: string | undefined; grammar: boolean; parts: number };

export type RunnerExit = {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Somebody ended it on purpose. */
  asked: boolean;
  whileLoading: boolean;
  /** The file that a crash is put down to; undefined when a request is as likely to have caused it. */
  suspect: string | undefined;
};

export type RunnerProcessOptions = {
  environment: Readonly<Record<string, string>>;
  logger: EngineLogger;
  /** Called once, before anybody who waits for the process hears that it has gone. */
  onExit: (exit: RunnerExit) => void;
};

function partsOf(command: NewRequest): number {
  if (command.type === 'generate') return command.choices;
  return command.type === 'encode' ? command.inputs.length : 1;
}

/** The engine's end of one runner: a process that has one base model loaded. It lives until closed or until it crashes. */
export class RunnerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #channel: JsonChannel<Report, Command>;
  readonly #logger: EngineLogger;
  readonly #path: string;
  readonly #requests = new Map<number, Request>();
  readonly #ready = Promise.withResolvers<LoadedModel>();
  readonly exited: Promise<void>;
  #statistics: RunnerStatistics = { residentBytes: 0, adapters: [], promptTokens: 0, completionTokens: 0 };
  #lastId = 0;
  #state: 'loading' | 'ready' | 'closing' = 'loading';

  constructor(load: LoadCommand, { environment, logger, onExit }: RunnerProcessOptions) {
    this.#logger = logger;
    this.#path = load.path;
    this.#child = spawn(process.execPath, ['--no-warnings', entry], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: environment,
      windowsHide: true,
    });
    for (const output of [this.#child.stdout, this.#child.stderr]) if (output) this.#log(output);
    this.#channel = new JsonChannel<Report, Command>(this.#child.stdio[3] as Duplex, {
      incoming: reportSchema,
      maxIncomingBytes: maxReportBytes,
      maxOutgoingBytes: maxCommandBytes,
      onMessage: (report) => this.#hear(report),
      onClose: (error) => {
        if (error) logger.warn({ model: this.#path, err: error }, 'runner broke the protocol');
        // A runner leaves when its channel closes; one that breaks the protocol is not asked.
        setTimeout(() => this.#child.kill('SIGKILL'), error ? 0 : runnerExitMs).unref();
      },
    });
    this.exited = this.#exit(onExit);
    // Whoever waits for it hears of a failure; when nobody does, that is no unhandled rejection.
    this.#ready.promise.catch(() => {});
    this.#channel.send(load);
  }

  /** The model, once it is loaded. Rejects with `invalid_model_file`, `runner_crashed` or `cancelled`. */
  get ready(): Promise<LoadedModel> {
    return this.#ready.promise;
  }

  get state(): 'loading' | 'ready' | 'closing' {
    return this.#state;
  }

  /** The name of the base model's file. */
  get file(): string {
    return path.basename(this.#path);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): number {
    return this.#requests.size;
  }

  get statistics(): RunnerStatistics {
    return this.#statistics;
  }

  /** Starts a request; the function returned ends it within one step. Throws `payload_too_large`. */
  request(command: NewRequest, listener: Listener): () => void {
    if (this.#state === 'closing') throw new AtelierError('cancelled');
    const id = ++this.#lastId;
    if (!this.#channel.send({ ...command, id }))
      throw new AtelierError('payload_too_large', { limit: maxCommandBytes });
    const adapter = command.type === 'tokenize' ? undefined : command.adapter?.path;
    const grammar = command.type === 'generate' && command.grammar !== undefined;
    this.#requests.set(id, { listener, adapter, grammar, parts: partsOf(command) });
    return () => {
      if (this.#requests.delete(id)) this.#channel.send({ type: 'cancel', id });
    };
  }

  /** Ends the process, by force when it does not leave by itself; requests inside end with `cancelled`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = 'closing';
    this.#channel.close();
    await this.exited;
  }

  #hear(report: Report): void {
    switch (report.type) {
      case 'ready':
        if (this.#state === 'loading') this.#state = 'ready';
        this.#statistics = report.statistics;
        this.#ready.resolve(report.model);
        break;
      case 'refused':
        this.#ready.reject(AtelierError.fromJSON(report.error));
        void this[Symbol.asyncDispose]();
        break;
      case 'progress':
        if (report.statistics) this.#statistics = report.statistics;
        for (const outcome of report.outcomes) this.#settle(outcome);
        break;
    }
  }

  #settle({ id, error, ...outcome }: Outcome): void {
    const request = this.#requests.get(id);
    if (!request) return;
    if (outcome.finish || outcome.prepared || outcome.tokenized) request.parts--;
    request.parts -= outcome.encoded?.indexes.length ?? 0;
    if (error || request.parts === 0) this.#requests.delete(id);
    request.listener({ ...outcome, ...(error && { error: AtelierError.fromJSON(error) }) });
  }

  async #exit(onExit: (exit: RunnerExit) => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<Pick<RunnerExit, 'code' | 'signal'>>();
    this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    this.#child.once('error', (error) => {
      this.#logger.warn({ model: this.#path, err: error }, 'runner could not be started');
      if (this.#child.pid === undefined) resolve({ code: null, signal: null });
    });
    const how = await promise;
    const exit = {
      ...how,
      asked: this.#state === 'closing',
      whileLoading: this.#state === 'loading',
      suspect: this.#suspect(),
    };
    this.#state = 'closing';
    onExit(exit);
    this.#channel.close();
    const error = new AtelierError(exit.asked ? 'cancelled' : 'runner_crashed');
    this.#ready.reject(error);
    const lost = [...this.#requests.values()];
    this.#requests.clear();
    for (const { listener } of lost) listener({ error });
  }

  /** An adapter that was asked for but had not been seen to work, or the model; nothing when there are grammars of users. */
  #suspect(): string | undefined {
    const requests = [...this.#requests.values()];
    const untried = requests.find(({ adapter }) => adapter && !this.#statistics.adapters.includes(adapter));
    if (untried) return untried.adapter;
    return requests.some(({ grammar }) => grammar) ? undefined : this.#path;
  }

  #log(output: Readable): void {
    let rest = '';
    output.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!.slice(0, maxLogLineLength);
      for (const line of lines)
        this.#logger.debug({ model: this.#path, pid: this.pid }, line.slice(0, maxLogLineLength));
    });
  }
}
