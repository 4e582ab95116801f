import { abortable, cancellation } from './abortable.ts';
import { checkAdapter } from './adapter-check.ts';
import type { EngineLogger } from './logger.ts';
import { checkModel, type ModelFile } from './model-check.ts';
import type { LoadCommand, LoadedModel } from './protocol.ts';
import type { Quarantine } from './quarantine.ts';
import { RunnerProcess, type RunnerExit } from './runner-process.ts';

/** A model that stays loaded until it is let go. */
export type Lease = Disposable & { process: RunnerProcess; file: ModelFile; model: LoadedModel };

export type ModelSlotOptions = {
  environment: Readonly<Record<string, string>>;
  logger: EngineLogger;
  quarantine: Quarantine;
  loadCommand: (path: string, file: ModelFile) => LoadCommand;
  /**
   * Resolves when a runner for the model may be started, with the function that gives its place back. Throws
   * `model_too_large`.
   */
  takePlace: (file: ModelFile) => Promise<() => void>;
  idleUnloadMs: number;
  onIdle: () => void;
  onExit: (process: RunnerProcess, exit: RunnerExit) => void;
};

/** One base model: its runner when there is one, who uses it, and what is known of its files. */
export class ModelSlot implements AsyncDisposable {
  readonly path: string;
  readonly #options: ModelSlotOptions;
  #process: RunnerProcess | undefined;
  #loading: Promise<Omit<Lease, keyof Disposable>> | undefined;
  #closing = new AbortController();
  readonly #adapters = new Map<string, Promise<void>>();
  #users = 0;
  #pins = 0;
  #idleTimer: NodeJS.Timeout | undefined;
  #lastUsed = 0;

  constructor(path: string, options: ModelSlotOptions) {
    this.path = path;
    this.#options = options;
  }

  get process(): RunnerProcess | undefined {
    return this.#process;
  }

  /** When it was last let go (performance.now), if nobody uses it now and it holds a process. */
  get idleSince(): number | undefined {
    return this.#users === 0 && this.#process ? this.#lastUsed : undefined;
  }

  get pinned(): boolean {
    return this.#pins > 0;
  }

  /** Loads the model and counts as its user until what is returned is disposed. */
  async pin(signal: AbortSignal): Promise<Disposable> {
    this.#pins++;
    try {
      const lease = await this.lease(undefined, signal);
      // Who waits for its place waits in vain from now on.
      this.#options.onIdle();
      let held = true;
      return {
        [Symbol.dispose]: () => {
          if (!held) return;
          held = false;
          this.#pins--;
          lease[Symbol.dispose]();
        },
      };
    } catch (error) {
      this.#pins--;
      throw error;
    }
  }

  /** Loads the model unless it is loaded, and checks the adapter file unless it is known. */
  async lease(adapter: string | undefined, signal: AbortSignal): Promise<Lease> {
    const { quarantine } = this.#options;
    this.#users++;
    clearTimeout(this.#idleTimer);
    try {
      // A request that was let in just before the engine stopped must not start a runner that nobody will end.
      if (signal.aborted) throw cancellation(signal);
      quarantine.check(this.path);
      if (adapter !== undefined) quarantine.check(adapter);
      const loaded = await abortable((this.#loading ??= this.#load(this.#closing.signal)), signal);
      if (adapter !== undefined) await abortable(this.#check(adapter, loaded.file), signal);
      return { ...loaded, [Symbol.dispose]: () => this.#letGo() };
    } catch (error) {
      this.#letGo();
      throw error;
    }
  }

  /** Ends the runner; those who use it get `cancelled`. The next `lease` loads again. */
  async [Symbol.asyncDispose](): Promise<void> {
    const process = this.#process;
    clearTimeout(this.#idleTimer);
    this.#closing.abort();
    this.#closing = new AbortController();
    this.#loading = undefined;
    await process?.[Symbol.asyncDispose]();
  }

  async #load(closing: AbortSignal): Promise<Omit<Lease, keyof Disposable>> {
    const { environment, logger, quarantine, loadCommand, takePlace, onExit } = this.#options;
    try {
      const file = await abortable(checkModel(this.path), closing);
      const givePlaceBack = await takePlace(file);
      if (closing.aborted) givePlaceBack();
      closing.throwIfAborted();
      const process = new RunnerProcess(loadCommand(this.path, file), {
        environment,
        logger,
        onExit: (exit) => {
          givePlaceBack();
          // After a dispose, `#loading` may already be the next load, which must not be lost with this process.
          if (!closing.aborted) this.#loading = undefined;
          if (this.#process === process) this.#forget();
          if (!exit.asked) quarantine.record(exit);
          onExit(process, exit);
          if (this.pinned && !exit.asked) this.#loadAgain();
        },
      });
      this.#process = process;
      // Whoever asked may have left, and another model may wait for this place.
      if (this.#users === 0) this.#options.onIdle();
      const model = await process.ready;
      quarantine.forgiveLoading(this.path);
      return { process, file, model };
    } catch (error) {
      if (!closing.aborted) this.#loading = undefined;
      throw closing.aborted ? cancellation(closing) : error;
    }
  }

  /** After a crash, a pinned model is back before anybody asks for it, unless it is left alone now. */
  #loadAgain(): void {
    this.lease(undefined, this.#closing.signal).then(
      (lease) => lease[Symbol.dispose](),
      () => {},
    );
  }

  #forget(): void {
    this.#process = undefined;
    this.#adapters.clear();
  }

  #check(adapter: string, file: ModelFile): Promise<void> {
    let check = this.#adapters.get(adapter);
    if (!check) {
      check = checkAdapter(adapter, file);
      this.#adapters.set(adapter, check);
      check.catch(() => this.#adapters.delete(adapter));
    }
    return check;
  }

  #letGo(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#lastUsed = performance.now();
    this.#idleTimer = setTimeout(() => void this[Symbol.asyncDispose](), this.#options.idleUnloadMs).unref();
    this.#options.onIdle();
  }
}
