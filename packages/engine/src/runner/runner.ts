import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AtelierError, isAtelierError } from '@atelier/errors';
import { loadNative, LlamaModel } from '@atelier/llama';
import type { JsonChannel } from '../json-channel.ts';
import { maxPromptTokens, maxReportedTokens } from '../limits.ts';
import type {
  Command,
  EncodeCommand,
  GenerateCommand,
  LoadCommand,
  Outcome,
  Report,
  RunnerStatistics,
  TokenizeCommand,
} from '../protocol.ts';
import { ContextPool } from './context-pool.ts';
import { Encoders } from './encoders.ts';
import { log } from './log.ts';
import { ProcessorRoom } from './processor-room.ts';
import { PromptMaker } from './prompt.ts';
import { Generations } from './generations.ts';
import { ReportPace } from './report-pace.ts';

const statisticsMs = 1000;
/** Of the time of a step, for prompts that are being made while others wait for the next one. */
const preparingShare = 1 / 20;

type Channel = JsonChannel<Command, Report>;

/** One loaded model and the requests inside it. */
export class Runner {
  readonly #channel: Channel;
  readonly #options: LoadCommand;
  readonly #model: LlamaModel;
  readonly #prompts: PromptMaker;
  readonly #generations: Generations;
  readonly #pool: ContextPool;
  readonly #encoders: Encoders;
  readonly #room = new ProcessorRoom();
  /** Requests whose prompts are being made. */
  readonly #preparing = new Map<number, AbortController>();
  #stepping = false;
  #promptTokens = 0;
  #statisticsDue = 0;
  readonly #pace = new ReportPace();
  #unreported: Outcome[] = [];

  /**
   * Loads a model, which blocks the thread, and reports `ready`; a model that is not usable is reported as `refused` and
   * gives undefined.
   */
  static load(options: LoadCommand, channel: Channel): Runner | undefined {
    try {
      loadNative({ gpu: options.gpu, onLog: (level, text) => level !== 'debug' && log(text) });
      const model = LlamaModel.load(options.path);
      if (model.hasEncoder)
        throw new AtelierError('invalid_model_file', {
          file: path.basename(options.path),
          reason: 'it does not generate text',
        });
      return new Runner(options, channel, model);
    } catch (error) {
      if (!isAtelierError(error)) throw error;
      channel.send({ type: 'refused', error: error.toJSON() });
      return undefined;
    }
  }

  private constructor(options: LoadCommand, channel: Channel, model: LlamaModel) {
    this.#channel = channel;
    this.#options = options;
    this.#model = model;
    this.#prompts = new PromptMaker(model);
    this.#generations = new Generations(model, options.contextTokens);
    this.#pool = new ContextPool(model, options, this.#room, () => (this.#statisticsDue = 0));
    this.#encoders = new Encoders(model, options, this.#room, this.#prompts);
    const { parameters, vocab } = model;
    channel.send({ type: 'ready', model: { parameters, vocabularySize: vocab.size }, statistics: this.#statistics() });
  }

  handle(command: Exclude<Command, LoadCommand>): void {
    switch (command.type) {
      case 'generate':
        void this.#prepare(command.id, (signal) => this.#generate(command, signal));
        break;
      case 'tokenize':
        void this.#prepare(command.id, (signal) => this.#tokenize(command, signal));
        break;
      case 'encode':
        void this.#prepare(command.id, (signal) => this.#encode(command, signal));
        break;
      case 'prepare': {
        const { id, adapter } = command;
        if (this.#model.isEncoder) void this.#prepare(id, async () => this.#prepareEncoder(id));
        else this.#submit({ id, adapter, start: () => [{ id, prepared: true }], drop: () => {} });
        break;
      }
      case 'cancel':
        this.#preparing.get(command.id)?.abort();
        this.#pool.cancel(command.id);
        this.#encoders.cancel(command.id);
        break;
    }
  }

  async #generate(command: GenerateCommand, signal: AbortSignal): Promise<void> {
    if (this.#model.isEncoder)
      throw new AtelierError('invalid_request', { reason: 'this model gives embeddings and no text' });
    const { contextTokens } = this.#options;
    const prompt = await this.#prompts.tokens(command.input, contextTokens, signal);
    if (signal.aborted) return;
    if (prompt.length === 0) throw new AtelierError('invalid_request', { reason: 'the prompt is empty' });
    if (prompt.length >= contextTokens)
      throw new AtelierError('context_overflow', { tokens: prompt.length, limit: contextTokens });
    const { id, adapter } = command;
    const generations = this.#generations.start(command, prompt);
    this.#promptTokens += prompt.length;
    this.#submit({
      id,
      adapter,
      start(context) {
        context.add(generations);
        return [];
      },
      drop: () => generations.forEach(({ chooser }) => chooser[Symbol.dispose]()),
    });
  }

  async #tokenize({ id, input, tokens }: TokenizeCommand, signal: AbortSignal): Promise<void> {
    const limit = tokens ? maxReportedTokens : maxPromptTokens;
    const prompt = await this.#prompts.tokens(input, limit, signal);
    if (signal.aborted) return;
    if (prompt.length > limit) throw new AtelierError('context_overflow', { tokens: prompt.length, limit });
    this.#report([{ id, tokenized: { count: prompt.length, ...(tokens && { tokens: [...prompt] }) } }]);
  }

  async #encode(command: EncodeCommand, signal: AbortSignal): Promise<void> {
    const made = await this.#encoders.prepare(command, signal);
    if (!made) return;
    this.#report([made.outcome]);
    this.#promptTokens += made.job.sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
    this.#encoders.add(made.job);
    void this.#run();
  }

  #prepareEncoder(id: number): void {
    this.#encoders.warmUp();
    this.#report([{ id, prepared: true }]);
  }

  /** Works on a request that is made ready without blocking the others; what it throws becomes the request's error. */
  async #prepare(id: number, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const abort = new AbortController();
    this.#preparing.set(id, abort);
    try {
      await work(abort.signal);
    } catch (error) {
      if (!isAtelierError(error)) log(error);
      this.#report([{ id, error: isAtelierError(error) ? error.toJSON() : { code: 'internal', details: {} } }]);
    } finally {
      this.#preparing.delete(id);
    }
  }

  #submit(job: Parameters<ContextPool['submit']>[0]): void {
    this.#report(this.#pool.submit(job));
    void this.#run();
  }

  /** Steps as long as there is work. */
  async #run(): Promise<void> {
    if (this.#stepping) return;
    this.#stepping = true;
    this.#room.resume();
    while (this.#pool.busy || this.#encoders.busy) {
      let start = performance.now();
      for (const outcomes of this.#steps()) {
        this.#unreported.push(...outcomes);
        if (!this.#pace.mayWait(outcomes, performance.now() - start)) this.#report([]);
        await this.#channel.drained();
        await this.#hear(performance.now() - start);
        start = performance.now();
      }
    }
    this.#stepping = false;
    this.#room.pause();
    this.#statisticsDue = 0;
    this.#report([]);
  }

  /**
   * Hears commands. A prompt takes some turns of the event loop until it is ready: after a step that took long, those that
   * are being made may come along with the next one.
   */
  async #hear(stepMs: number): Promise<void> {
    const until = performance.now() + stepMs * preparingShare;
    do await nextTurn();
    while (this.#preparing.size > 0 && performance.now() < until);
  }

  *#steps(): Generator<Outcome[], void, void> {
    if (this.#pool.busy) yield* this.#pool.steps();
    yield* this.#encoders.steps(() => this.#pool.busy);
  }

  #report(more: Outcome[]): void {
    const outcomes = this.#unreported.splice(0).concat(more);
    const due = performance.now() >= this.#statisticsDue || outcomes.some(({ finish }) => finish !== undefined);
    if (outcomes.length === 0 && !due) return;
    this.#pace.reported(outcomes);
    if (due) this.#statisticsDue = performance.now() + statisticsMs;
    this.#send(outcomes, due ? this.#statistics() : undefined);
  }

  /** What is too much for one message goes in parts; what is too much by itself ends its request. */
  #send(outcomes: Outcome[], statistics?: RunnerStatistics): void {
    if (this.#channel.send({ type: 'progress', outcomes, ...(statistics && { statistics }) })) return;
    const half = outcomes.length >> 1;
    if (half > 0) {
      this.#send(outcomes.slice(0, half));
      return this.#send(outcomes.slice(half), statistics);
    }
    const { id } = outcomes[0]!;
    this.#pool.cancel(id);
    const { code, details } = new AtelierError('invalid_request', { reason: 'one step of it gives too much at once' });
    this.#send([{ id, error: { code, details } }], statistics);
  }

  #statistics(): RunnerStatistics {
    return {
      residentBytes: process.memoryUsage.rss(),
      adapters: [...new Set([...this.#pool.adapters, ...this.#encoders.adapters])],
      promptTokens: this.#promptTokens,
      completionTokens: this.#pool.completionTokens,
    };
  }
}
