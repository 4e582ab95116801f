import { Adapter, Batch, LlamaContext, type LlamaModel } from '@atelier/llama';
import { AtelierError, isAtelierError } from '@atelier/errors';
import type { AdapterRef, Outcome } from '../protocol.ts';
import { StepPace } from './step-pace.ts';
import type { ThreadChoice } from './thread-choice.ts';

/** Most tokens in one step, unless one sequence that cannot be cut has more. */
const batchTokens = 512;

/** Thousands of texts should be heard little of by those who wait for a token. */
const sharedStepMs = 250;
/** Logits that native code computes beside the hidden states of a step, at most: 64 MiB. */
const maxLogits = 1 << 24;
/** Attention weights of one layer in a step, at most: 256 MiB. */
const maxAttention = 1 << 26;
const maxSequences = 64;
/** Most bytes of results in one report. */
const reportBytes = 384 << 10;

export type Pooling = 'mean' | 'last' | 'cls' | 'rank';

export type EncodeJob = {
  id: number;
  adapter: AdapterRef | undefined;
  pooling: Pooling;
  sequences: readonly { index: number; tokens: Int32Array }[];
  /** What is reported of a pooled hidden state. */
  apply: (hidden: Float32Array) => Float32Array;
  /** Numbers that `apply` gives. */
  width: number;
};

/** A sequence that is being computed. */
type Member = {
  job: Waiting;
  index: number;
  tokens: Int32Array;
  slot: number;
  computed: number;
  /** For the mean. */
  sum: Float64Array | undefined;
  result: Float32Array | undefined;
};
type Waiting = Omit<EncodeJob, 'sequences'> & {
  /** The shortest is last. */ sequences: { index: number; tokens: Int32Array }[];
};

export type EncoderOptions = {
  model: LlamaModel;
  /** Has the model's own head score sequences, instead of giving hidden states. */
  rank: boolean;
  threads: ThreadChoice;
  /** Tokens that one sequence may have. */
  limit: number;
  /** Adapters kept in memory. */
  maxAdapters: number;
};

/**
 * Computes the hidden states of whole sequences in a native context of its own, those of like length together. It remembers
 * nothing between sequences, so one context serves all adapters, one after the other. Keys and values are 32-bit
 * floats: results are those of training, whatever else is in the batch.
 */
export class Encoder implements Disposable {
  readonly #model: LlamaModel;
  readonly #context: LlamaContext;
  readonly #batch: Batch;
  readonly #rank: boolean;
  readonly #stepTokens: number;
  readonly #cutsSequences: boolean;
  readonly #threads: ThreadChoice;
  readonly #pace = new StepPace();
  readonly #maxAdapters: number;
  /** Least recently used first. */
  readonly #adapters = new Map<string, Adapter>();
  /** The adapter that acts now. */
  #acting = '';
  #waiting: Waiting[] = [];
  /** A sequence of which the context remembers a part. */
  #partial: Member | undefined;

  constructor({ model, rank, threads, limit, maxAdapters }: EncoderOptions) {
    const cutsSequences = !model.isEncoder && !rank;
    const weights = limit * Math.max(1, model.heads);
    const most = Math.min(
      batchTokens,
      Math.max(32, Math.floor(Math.min(maxLogits / model.vocab.size, maxAttention / weights))),
    );
    const capacity = cutsSequences ? most : Math.max(batchTokens, limit);
    this.#context = new LlamaContext(model, {
      nCtx: cutsSequences ? limit + most : capacity,
      nBatch: capacity,
      nUbatch: capacity,
      nSeqMax: maxSequences,
      kvUnified: true,
      embeddings: true,
      pooling: rank ? 'rank' : 'none',
      typeK: 'F32',
      typeV: 'F32',
      // llama.cpp's flash attention rounds to 16 bits; without it, attention takes memory for all pairs of tokens.
      ...((cutsSequences || capacity * weights <= maxAttention) && { flashAttention: false }),
    });
    if (cutsSequences && !this.#context.isCausal) {
      this.#context[Symbol.dispose]();
      throw new AtelierError('invalid_request', { reason: `${model.architecture} models give no embeddings here` });
    }
    this.#model = model;
    this.#rank = rank;
    this.#cutsSequences = cutsSequences;
    this.#stepTokens = cutsSequences ? most : batchTokens;
    this.#batch = new Batch(model.native, capacity);
    this.#threads = threads;
    this.#maxAdapters = maxAdapters;
  }

  get busy(): boolean {
    return this.#partial !== undefined || this.#waiting.length > 0;
  }

  /** Files of the adapters in memory. */
  get adapters(): string[] {
    return [...this.#adapters.keys()];
  }

  add({ sequences, ...job }: EncodeJob): void {
    this.#waiting.push({ ...job, sequences: sequences.toSorted((a, b) => b.tokens.length - a.tokens.length) });
  }

  cancel(id: number): void {
    this.#waiting = this.#waiting.filter((job) => job.id !== id);
    if (this.#partial?.job.id === id) {
      this.#context.memory.remove(this.#partial.slot);
      this.#partial = undefined;
    }
  }

  /** Computes one batch; blocks the thread meanwhile. `shared`: generations wait for their next token. */
  step(shared: boolean): Outcome[] {
    const lead = this.#partial?.job ?? this.#waiting[0]!;
    try {
      this.#use(lead.adapter);
    } catch (error) {
      if (!isAtelierError(error)) throw error;
      this.cancel(lead.id);
      return [{ id: lead.id, error: error.toJSON() }];
    }
    const tokens = this.#pace.promptTokens(this.#stepTokens, 0, shared ? sharedStepMs : undefined);
    const slices = this.#plan(lead, tokens);
    const outputs: { member: Member; index: number; position: number }[] = [];
    this.#batch.clear();
    for (const { member, count } of slices) {
      for (let position = member.computed; position < member.computed + count; position++) {
        const wanted = !this.#cutsSequences || isWanted(member, position);
        const index = this.#batch.add(member.tokens[position]!, position, member.slot, wanted);
        if (!this.#rank && isWanted(member, position)) outputs.push({ member, index, position });
      }
    }
    this.#decode();
    for (const { member, index } of outputs) this.#collect(member, this.#context.embeddings(index));
    return this.#finish(slices);
  }

  [Symbol.dispose](): void {
    this.#context[Symbol.dispose]();
    for (const adapter of this.#adapters.values()) adapter[Symbol.dispose]();
  }

  /** The sequence begun goes first, then the shortest of each job with the same adapter; only the last may be cut. */
  #plan(lead: Waiting, tokens: number): { member: Member; count: number }[] {
    const slices: { member: Member; count: number }[] = [];
    const taken = new Set(this.#partial ? [this.#partial.slot] : []);
    let left = tokens;
    let bytes = 0;
    const add = (member: Member): void => {
      const whole = member.tokens.length - member.computed;
      const count = this.#cutsSequences ? Math.min(left, whole) : whole;
      slices.push({ member, count });
      left -= count;
      bytes += member.job.width * 4;
    };
    if (this.#partial) add(this.#partial);
    for (const job of this.#waiting.filter(({ adapter }) => keyOf(adapter) === keyOf(lead.adapter))) {
      while (job.sequences.length > 0 && left > 0 && slices.length < maxSequences) {
        const { tokens: next, index } = job.sequences.at(-1)!;
        const fits = (this.#cutsSequences || next.length <= left) && bytes + job.width * 4 <= reportBytes;
        if (!fits && slices.length > 0) break;
        job.sequences.pop();
        let slot = 0;
        while (taken.has(slot)) slot++;
        taken.add(slot);
        const sum = job.pooling === 'mean' ? new Float64Array(this.#model.embeddingWidth) : undefined;
        add({ job, index, tokens: next, slot, computed: 0, sum, result: undefined });
      }
    }
    // Whoever had a turn is last in the next one.
    this.#waiting = [...this.#waiting.filter((job) => job !== lead), lead].filter(
      ({ sequences }) => sequences.length > 0,
    );
    return slices;
  }

  #decode(): void {
    const { length } = this.#batch;
    const threads = this.#threads.choose(length);
    this.#context.setThreads(threads);
    const start = performance.now();
    if (this.#context.decode(this.#batch) === 'no-slot')
      throw new AtelierError('internal', {}, new Error('no room for a batch that was counted'));
    const ms = performance.now() - start;
    this.#threads.observe(length, threads, ms);
    this.#pace.observe(length, ms);
  }

  #collect(member: Member, hidden: Float32Array): void {
    const { sum } = member;
    if (!sum) member.result = hidden.slice();
    else for (let i = 0; i < sum.length; i++) sum[i]! += hidden[i]!;
  }

  #finish(slices: { member: Member; count: number }[]): Outcome[] {
    this.#partial = undefined;
    const finished = new Map<Waiting, { indexes: number[]; tokens: number[]; rows: Float32Array[] }>();
    for (const { member, count } of slices) {
      member.computed += count;
      if (member.computed < member.tokens.length) {
        this.#partial = member;
        continue;
      }
      const { job, index, tokens, slot } = member;
      const row = job.apply(this.#pooled(member));
      this.#context.memory.remove(slot);
      const results = finished.get(job) ?? { indexes: [], tokens: [], rows: [] };
      finished.set(job, results);
      results.indexes.push(index);
      results.tokens.push(tokens.length);
      results.rows.push(row);
    }
    return Array.from(finished, ([{ id }, { indexes, tokens, rows }]) => ({
      id,
      encoded: { indexes, tokens, values: base64(rows) },
    }));
  }

  #pooled({ slot, sum, tokens, result }: Member): Float32Array {
    if (this.#rank) return this.#context.sequenceEmbedding(slot).slice(0, 1);
    return sum ? Float32Array.from(sum, (total) => total / tokens.length) : result!;
  }

  /** Has the adapter act that a job needs. */
  #use(ref: AdapterRef | undefined): void {
    const key = keyOf(ref);
    if (key === this.#acting) return;
    if (!ref) {
      this.#context.setAdapters([]);
    } else {
      const adapter = this.#adapters.get(ref.path) ?? Adapter.load(this.#model, ref.path);
      this.#context.setAdapters([{ adapter, scale: ref.scale }]);
      this.#adapters.delete(ref.path);
      this.#adapters.set(ref.path, adapter);
    }
    this.#acting = key;
    for (const [path, adapter] of this.#adapters) {
      if (this.#adapters.size <= this.#maxAdapters) break;
      this.#adapters.delete(path);
      adapter[Symbol.dispose]();
    }
  }
}

function isWanted({ job, tokens }: Member, position: number): boolean {
  if (job.pooling === 'mean') return true;
  return position === (job.pooling === 'cls' ? 0 : tokens.length - 1);
}

const keyOf = (adapter: AdapterRef | undefined): string => (adapter ? `${adapter.scale} ${adapter.path}` : '');

function base64(rows: readonly Float32Array[]): string {
  return Buffer.concat(
    rows.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  ).toString('base64');
}
