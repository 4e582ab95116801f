import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import { AtelierError } from '@atelier/errors';
import { abortable } from './abortable.ts';
import { Admission } from './admission.ts';
import { Deadline } from './deadline.ts';
import { encodeAll } from './encode.ts';
import { classifyRequestSchema, embedRequestSchema, rerankRequestSchema } from './encode-request.ts';
import type {
  Classification,
  ClassifyRequest,
  EmbedRequest,
  Embeddings,
  RerankRequest,
  Reranking,
} from './encode-request.ts';
import { parseRequest } from './door.ts';
import type { Engine, EngineStatus, ModelInfo, RunnerStatus } from './engine.ts';
import type { GenerateEvent } from './generate-event.ts';
import { generateRequestSchema, modelRefSchema } from './generate-request.ts';
import type { GenerateRequest, ModelRef } from './generate-request.ts';
import { maxSequences } from './limits.ts';
import type { EngineLogger } from './logger.ts';
import { eventsWithCalls } from './tools/call-events.ts';
import { OutputPlanner, promptOf } from './output-plan.ts';
import { estimateMemory, planMemory } from './memory-plan.ts';
import type { ModelFile } from './model-check.ts';
import { ModelSlot } from './model-slot.ts';
import type { LoadCommand } from './protocol.ts';
import { Quarantine } from './quarantine.ts';
import { prepare, streamFrom, tokenize } from './requests.ts';
import { classify, embed, rerank, type Encode } from './vectors.ts';
import { Turn } from './turn.ts';
import type { z } from 'zod';
import { RunnerPlaces } from './runner-places.ts';
import type { RunnerExit, RunnerProcess } from './runner-process.ts';
import { tokenizeRequestSchema, type TokenCount, type TokenizeRequest } from './tokenize-request.ts';

export type EngineOptions = {
  logger: EngineLogger;
  /**
   * Environment variables of the runners, such as those by which libraries and devices are found; none by default. Runners
   * read files of strangers: no keys or passwords belong here.
   */
  environment?: Readonly<Record<string, string>>;
  gpu?: LoadCommand['gpu'];
  /** Native threads of each runner, at most; absent: one per core. */
  threads?: number;
  /**
   * Bytes that all models may take together, by what is known of their files before they are loaded; those idle for longest
   * make room for another. Absent: a little more than half of the machine's memory.
   */
  memoryBytes?: number;
  /** Generations that run at once. */
  maxRunning?: number;
  /** Generations that wait for one of these to end; the next is refused. */
  maxQueue?: number;
  /** Base models loaded at once; the one idle for longest makes room for another. */
  maxRunners?: number;
  /** Adapters of one base model in memory at once. */
  maxAdapters?: number;
  /**
   * Memory for the keys and values of one context, in bytes; a base model has one context without adapter and one for
   * each adapter. Absent: half the size of the model's file, and at least 128 MiB and a sixteenth of `memoryBytes`.
   */
  cacheBytes?: number;
  /** `ngram`: tokens are guessed by what stood after the same ones before; texts stay the same. */
  speculation?: 'off' | 'ngram';
  /** A model that nobody has used for so long is unloaded. */
  idleUnloadMs?: number;
};

/** Of the machine's memory; training and the rest of the platform have the other part. */
const memoryShare = 0.6;

/** Runs models on this machine, each base model in a process of its own. */
export function createEngine(options: EngineOptions): Engine {
  return new LocalEngine({
    environment: {},
    gpu: 'auto',
    threads: availableParallelism(),
    maxRunning: 16,
    maxQueue: 256,
    maxRunners: 4,
    maxAdapters: 8,
    idleUnloadMs: 600_000,
    speculation: 'off',
    memoryBytes: Math.floor(totalmem() * memoryShare),
    ...options,
  });
}

type Settings = Required<Omit<EngineOptions, 'cacheBytes'>> & Pick<EngineOptions, 'cacheBytes'>;

class LocalEngine implements Engine {
  readonly #settings: Settings;
  readonly #admission: Admission;
  readonly #quarantine = new Quarantine();
  readonly #outputs = new OutputPlanner();
  readonly #slots = new Map<string, ModelSlot>();
  readonly #places: RunnerPlaces;
  readonly #stopping = new AbortController();
  /** Of runners that have ended. */
  readonly #past = { promptTokens: 0, completionTokens: 0, crashes: 0 };

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#admission = new Admission(settings);
    this.#places = new RunnerPlaces(settings, this.#slots);
  }

  async load(ref: ModelRef, signal?: AbortSignal): Promise<ModelInfo> {
    const { path: file, adapter } = parseRequest(modelRefSchema, ref);
    const stop = this.#stopOn(signal);
    using lease = await this.#slot(file).lease(adapter?.path, stop);
    await prepare(lease.process, adapter, stop);
    return {
      architecture: lease.file.architecture,
      ...lease.model,
      contextTokens: planMemory(lease.file, this.#settings).contextTokens,
      width: lease.file.width,
      chat: lease.file.chatTemplate !== undefined,
    };
  }

  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent, void, void> {
    const { model, owner, timeoutMs, ...rest } = parseRequest(generateRequestSchema, request);
    using deadline = new Deadline(timeoutMs);
    const stop = this.#stopOn(signal, deadline.signal);
    const leave = await this.#admission.enter(owner, stop);
    try {
      using lease = await this.#slot(model.path).lease(model.adapter?.path, stop);
      const { generation, calls } = await abortable(this.#outputs.plan(rest, lease.file.chatTemplate), stop);
      const events = streamFrom(lease.process, { ...generation, owner, adapter: model.adapter }, stop);
      yield* calls ? eventsWithCalls(events, calls) : events;
    } finally {
      leave();
    }
  }

  async pin(ref: ModelRef, signal?: AbortSignal): Promise<Disposable> {
    const { path: file } = parseRequest(modelRefSchema, ref);
    return await this.#slot(file).pin(this.#stopOn(signal));
  }

  async tokenize(request: TokenizeRequest, signal?: AbortSignal): Promise<TokenCount> {
    const { model, owner, ...rest } = parseRequest(tokenizeRequestSchema, request);
    const stop = this.#stopOn(signal);
    using _turn = await Turn.take(this.#admission, owner, stop);
    using lease = await this.#slot(model.path).lease(undefined, stop);
    const input = promptOf(rest.input, lease.file.chatTemplate);
    return await tokenize(lease.process, { ...rest, input }, stop);
  }

  async embed(request: EmbedRequest, signal?: AbortSignal): Promise<Embeddings> {
    const parsed = parseRequest(embedRequestSchema, request);
    return await this.#encoding(parsed, signal, (file, encode) => embed(parsed, file, encode));
  }

  async classify(request: ClassifyRequest, signal?: AbortSignal): Promise<Classification> {
    const parsed = parseRequest(classifyRequestSchema, request);
    return await this.#encoding(parsed, signal, (_, encode) => classify(parsed, encode));
  }

  async rerank(request: RerankRequest, signal?: AbortSignal): Promise<Reranking> {
    const parsed = parseRequest(rerankRequestSchema, request);
    return await this.#encoding(parsed, signal, (file, encode) => rerank(parsed, file, encode));
  }

  async #encoding<T>(
    { model, owner }: { model: z.output<typeof modelRefSchema>; owner: string },
    signal: AbortSignal | undefined,
    work: (file: ModelFile, encode: Encode) => Promise<T>,
  ): Promise<T> {
    const { adapter, head } = model;
    const stop = this.#stopOn(signal);
    using turn = await Turn.take(this.#admission, owner, stop);
    using lease = await this.#slot(model.path).lease(adapter?.path, stop);
    return await work(lease.file, (encoding) => encodeAll(lease.process, { ...encoding, adapter, head }, turn, stop));
  }

  status(): EngineStatus {
    const processes = [...this.#slots.values()].flatMap(({ path: model, process }) =>
      process ? [{ model, process }] : [],
    );
    const total = (key: 'promptTokens' | 'completionTokens') =>
      processes.reduce((sum, { process }) => sum + process.statistics[key], this.#past[key]);
    return {
      running: this.#admission.running,
      waiting: this.#admission.waiting,
      promptTokens: total('promptTokens'),
      completionTokens: total('completionTokens'),
      crashes: this.#past.crashes,
      runners: processes.map(({ model, process }): RunnerStatus => {
        const { pid, state, running, statistics } = process;
        return { model, state, pid, running, ...statistics };
      }),
      quarantined: this.#quarantine.paths,
    };
  }

  async unload(ref: ModelRef): Promise<void> {
    if ('path' in ref) await this.#slots.get(path.resolve(ref.path))?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new AtelierError('shutting_down'));
    await Promise.all([this.#outputs, ...this.#slots.values()].map((part) => part[Symbol.asyncDispose]()));
  }

  #stopOn(...signals: (AbortSignal | undefined)[]): AbortSignal {
    const given = signals.filter((signal) => signal !== undefined);
    return given.length > 0 ? AbortSignal.any([this.#stopping.signal, ...given]) : this.#stopping.signal;
  }

  #slot(file: string): ModelSlot {
    const model = path.resolve(file);
    let slot = this.#slots.get(model);
    if (!slot) {
      slot = new ModelSlot(model, {
        environment: this.#settings.environment,
        logger: this.#settings.logger,
        quarantine: this.#quarantine,
        loadCommand: (name, checked) => this.#loadCommand(name, checked),
        takePlace: (checked) => this.#places.take(model, estimateMemory(checked, planMemory(checked, this.#settings))),
        idleUnloadMs: this.#settings.idleUnloadMs,
        onIdle: () => this.#places.recheck(),
        onExit: (process, exit) => this.#count(model, process, exit),
      });
      this.#slots.set(model, slot);
    }
    return slot;
  }

  #loadCommand(name: string, file: ModelFile): LoadCommand {
    const { gpu, threads, maxRunning, speculation } = this.#settings;
    return {
      type: 'load',
      path: name,
      gpu,
      threads,
      speculation,
      maxSequences: Math.min(maxRunning, maxSequences),
      ...planMemory(file, this.#settings),
    };
  }

  #count(model: string, process: RunnerProcess, exit: RunnerExit): void {
    const { promptTokens, completionTokens } = process.statistics;
    this.#past.promptTokens += promptTokens;
    this.#past.completionTokens += completionTokens;
    const { pid } = process;
    if (exit.asked) return this.#settings.logger.info({ model, pid }, 'model unloaded');
    this.#past.crashes++;
    this.#settings.logger.warn({ model, pid, ...exit }, 'runner crashed');
  }
}
