import { applyHead } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { LlamaModel } from '@atelier/llama';
import type { EncodeCommand, LoadCommand, Outcome } from '../protocol.ts';
import { Encoder, type EncodeJob, type Pooling } from './encoder.ts';
import { HeadCache } from './head-cache.ts';
import type { ProcessorRoom } from './processor-room.ts';
import type { PromptMaker } from './prompt.ts';
import { SequenceMaker } from './sequence-maker.ts';
import { ThreadChoice } from './thread-choice.ts';

/** `LLAMA_POOLING_TYPE_*` as files say it, as far as it joins hidden states. */
const filePoolings: Readonly<Record<number, Pooling>> = { 1: 'mean', 2: 'cls', 3: 'last' };

/** The vectors and scores of one model: contexts for them, made when the first request needs one, and its heads. */
export class Encoders implements Disposable {
  readonly #model: LlamaModel;
  readonly #options: LoadCommand;
  readonly #threads: ThreadChoice;
  readonly #sequences: SequenceMaker;
  readonly #heads: HeadCache;
  readonly #encoders = new Map<'vectors' | 'ranks', Encoder>();

  constructor(model: LlamaModel, options: LoadCommand, room: ProcessorRoom, prompts: PromptMaker) {
    this.#model = model;
    this.#options = options;
    this.#threads = new ThreadChoice(model.parameters, options.threads, room);
    this.#sequences = new SequenceMaker(model, prompts.model, prompts.longestTokenBytes);
    this.#heads = new HeadCache(model.embeddingWidth);
  }

  get busy(): boolean {
    return [...this.#encoders.values()].some(({ busy }) => busy);
  }

  get adapters(): string[] {
    return [...this.#encoders.values()].flatMap(({ adapters }) => adapters);
  }

  /** Makes what an encode command asks for ready; undefined when it was cancelled meanwhile. */
  async prepare(
    command: EncodeCommand,
    signal: AbortSignal,
  ): Promise<{ job: EncodeJob; outcome: Outcome } | undefined> {
    const { id, first, inputs, adapter, truncate } = command;
    const head = command.head && (await this.#heads.read(command.head.path));
    const tokens = await this.#sequences.tokens(inputs, { limit: this.#options.encodeTokens, truncate }, signal);
    if (signal.aborted) return undefined;
    const empty = tokens.findIndex(({ length }) => length === 0);
    if (empty >= 0) throw new AtelierError('invalid_request', { reason: `input ${first + empty} is empty` });
    const pooling = command.pooling ?? head?.pooling ?? this.#filePooling() ?? 'mean';
    const scores = command.results === 'head';
    if (scores && !head) throw new AtelierError('invalid_request', { reason: 'a head is needed' });
    const job: EncodeJob = {
      id,
      adapter,
      pooling,
      sequences: tokens.map((sequence, index) => ({ index: first + index, tokens: sequence })),
      apply: scores
        ? (hidden) => Float32Array.from(applyHead(head!, hidden).flatMap(({ values }) => values))
        : (hidden) => hidden,
      width: scores ? head!.bias.length : pooling === 'rank' ? 1 : this.#model.embeddingWidth,
    };
    if (!head) return { job, outcome: { id } };
    const { task, normalise, targets } = head;
    return { job, outcome: { id, head: { task, normalise, targets } } };
  }

  add(job: EncodeJob): void {
    this.#encoder(job.pooling === 'rank' ? 'ranks' : 'vectors').add(job);
  }

  /** Makes the context that vectors are computed in. */
  warmUp(): void {
    this.#encoder('vectors');
  }

  cancel(id: number): void {
    for (const encoder of this.#encoders.values()) encoder.cancel(id);
  }

  /** One step of each context that has work. `shared`: says whether generations wait for their next token. */
  *steps(shared: () => boolean): Generator<Outcome[], void, void> {
    for (const encoder of this.#encoders.values()) if (encoder.busy) yield encoder.step(shared());
  }

  [Symbol.dispose](): void {
    for (const encoder of this.#encoders.values()) encoder[Symbol.dispose]();
  }

  #encoder(kind: 'vectors' | 'ranks'): Encoder {
    let encoder = this.#encoders.get(kind);
    if (!encoder) {
      const { encodeTokens: limit, maxAdapters } = this.#options;
      encoder = new Encoder({ model: this.#model, rank: kind === 'ranks', threads: this.#threads, limit, maxAdapters });
      this.#encoders.set(kind, encoder);
    }
    return encoder;
  }

  #filePooling(): Pooling | undefined {
    return filePoolings[this.#model.metadata.number(`${this.#model.architecture}.pooling_type`) ?? -1];
  }
}
