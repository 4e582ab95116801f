import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createTemplateRenderer, promptModelOf, promptTokens, type PromptModel } from '@atelier/data';
import { AtelierError, isAtelierError } from '@atelier/errors';
import { loadNative, LlamaModel } from '@atelier/llama';
import type { JsonChannel } from '../json-channel.ts';
import type { Command, GenerateCommand, LoadCommand, Outcome, Report } from '../protocol.ts';
import { ContextPool } from './context-pool.ts';
import { log } from './log.ts';
import { forOnePrompt, longestTokenBytes } from './prompt-limit.ts';
import { createSampler } from './sampling.ts';
import { Sequence } from './sequence.ts';

const statisticsMs = 1000;

type Channel = JsonChannel<Command, Report>;

/** One loaded model and the requests inside it. */
export class Runner {
  readonly #channel: Channel;
  readonly #options: LoadCommand;
  readonly #model: LlamaModel;
  readonly #prompts: PromptModel;
  readonly #longestTokenBytes: number;
  readonly #pool: ContextPool;
  /** Requests whose prompts are being made. */
  readonly #preparing = new Map<number, AbortController>();
  #stepping = false;
  #promptTokens = 0;
  #statisticsDue = 0;

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
    this.#prompts = promptModelOf(model.vocab, model.chatTemplate, createTemplateRenderer());
    this.#longestTokenBytes = longestTokenBytes(model);
    this.#pool = new ContextPool(model, options, () => (this.#statisticsDue = 0));
    const { parameters, vocab } = model;
    channel.send({ type: 'ready', model: { parameters, vocabularySize: vocab.size }, statistics: this.#statistics() });
  }

  handle(command: Exclude<Command, LoadCommand>): void {
    switch (command.type) {
      case 'generate':
        void this.#generate(command);
        break;
      case 'prepare': {
        const { id, adapter } = command;
        this.#submit({ id, adapter, start: () => [{ id, prepared: true }], drop: () => {} });
        break;
      }
      case 'cancel':
        this.#preparing.get(command.id)?.abort();
        this.#pool.cancel(command.id);
        break;
    }
  }

  async #generate(command: GenerateCommand): Promise<void> {
    const { id, adapter, maxTokens = Infinity, stop, sampling } = command;
    const { contextTokens } = this.#options;
    const abort = new AbortController();
    this.#preparing.set(id, abort);
    try {
      const prompt = await this.#prompt(command.input, abort.signal);
      if (abort.signal.aborted) return;
      if (prompt.length === 0) throw new AtelierError('invalid_request', { reason: 'the prompt is empty' });
      if (prompt.length >= contextTokens)
        throw new AtelierError('context_overflow', { tokens: prompt.length, limit: contextTokens });
      const { noRepeatNgramSize } = sampling;
      const sequence = new Sequence({ id, prompt, maxTokens, contextTokens, stop, noRepeatNgramSize });
      const sampler = createSampler(this.#model, sampling, prompt, contextTokens);
      this.#promptTokens += prompt.length;
      this.#submit({
        id,
        adapter,
        start(context) {
          context.add(sequence, sampler);
          return [];
        },
        drop: () => sampler[Symbol.dispose](),
      });
    } catch (error) {
      if (!isAtelierError(error)) log(error);
      this.#report([{ id, error: isAtelierError(error) ? error.toJSON() : { code: 'internal', details: {} } }]);
    } finally {
      this.#preparing.delete(id);
    }
  }

  async #prompt(input: GenerateCommand['input'], signal: AbortSignal): Promise<Int32Array> {
    const prompts = forOnePrompt(this.#prompts, this.#longestTokenBytes, this.#options.contextTokens);
    switch (input.kind) {
      case 'text':
        return promptTokens(prompts, { kind: 'raw', text: input.text }, signal);
      case 'chat':
        return promptTokens(prompts, input, signal);
      case 'tokens': {
        const { size } = this.#model.vocab;
        if (input.tokens.some((token) => token >= size)) {
          throw new AtelierError('invalid_request', { reason: `the vocabulary has ${size} tokens` });
        }
        return Int32Array.from(input.tokens);
      }
    }
  }

  #submit(job: Parameters<ContextPool['submit']>[0]): void {
    this.#report(this.#pool.submit(job));
    void this.#run();
  }

  /** Steps as long as there is work; commands are heard between any two steps. */
  async #run(): Promise<void> {
    if (this.#stepping) return;
    this.#stepping = true;
    while (this.#pool.busy) {
      for (const outcomes of this.#pool.steps()) {
        this.#report(outcomes);
        await this.#channel.drained();
        await nextTurn();
      }
    }
    this.#stepping = false;
    this.#statisticsDue = 0;
    this.#report([]);
  }

  #report(outcomes: Outcome[]): void {
    const due = performance.now() >= this.#statisticsDue || outcomes.some(({ finish }) => finish);
    if (outcomes.length === 0 && !due) return;
    if (due) this.#statisticsDue = performance.now() + statisticsMs;
    this.#channel.send({ type: 'progress', outcomes, ...(due && { statistics: this.#statistics() }) });
  }

  #statistics(): Extract<Report, { type: 'ready' }>['statistics'] {
    return {
      residentBytes: process.memoryUsage.rss(),
      adapters: this.#pool.adapters,
      promptTokens: this.#promptTokens,
      completionTokens: this.#pool.completionTokens,
    };
  }
}
