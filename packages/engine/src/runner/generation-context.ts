import { Batch, LlamaContext, type Adapter, type LlamaModel, type Sampler } from '@atelier/llama';
import type { Outcome } from '../protocol.ts';
import type { Sequence, Step } from './sequence.ts';
import { StepPace } from './step-pace.ts';
import { isGenerating, planStep } from './step-plan.ts';
import { ThreadChoice } from './thread-choice.ts';

/** Most tokens in one step. */
const batchTokens = 512;

const warmUpSteps = 4;

export type GenerationContextOptions = {
  model: LlamaModel;
  adapter?: { adapter: Adapter; scale: number } | undefined;
  /** Shared by the contexts of a model, which compute in turns. */
  threads: ThreadChoice;
  maxSequences: number;
  /** Tokens that the context's memory holds, all sequences together. */
  cacheTokens: number;
};

type Member = { sequence: Sequence; sampler: Sampler; /** The sequence's number in the context. */ slot: number };

/**
 * Continuous batching over one native context: waiting sequences join when there is room, each step computes one batch for
 * all that are in, and those that finish leave. All sequences share the context's memory.
 */
export class GenerationContext implements Disposable {
  readonly #model: LlamaModel;
  readonly #context: LlamaContext;
  readonly #batch: Batch;
  readonly #cacheTokens: number;
  readonly #freeSlots: number[];
  readonly #waiting: Omit<Member, 'slot'>[] = [];
  /** Oldest first. */
  #active: Member[] = [];
  readonly #pace = new StepPace();
  readonly #threads: ThreadChoice;
  /** Since the context was made. */
  completionTokens = 0;

  constructor({ model, adapter, threads, maxSequences, cacheTokens }: GenerationContextOptions) {
    this.#model = model;
    this.#context = new LlamaContext(model, {
      nCtx: cacheTokens,
      nBatch: batchTokens,
      nUbatch: batchTokens,
      nSeqMax: maxSequences,
      // One memory for all: a sequence may grow to the model's limit while others are short.
      kvUnified: true,
    });
    if (adapter) this.#context.setAdapters([adapter]);
    this.#batch = new Batch(model.native, batchTokens);
    this.#threads = threads;
    this.#cacheTokens = Math.min(cacheTokens, this.#context.nCtx);
    this.#freeSlots = Array.from({ length: maxSequences }, (_, slot) => maxSequences - 1 - slot);
    this.#warmUp();
  }

  get busy(): boolean {
    return this.#active.length > 0 || this.#waiting.length > 0;
  }

  /** Takes over the sampler. */
  add(sequence: Sequence, sampler: Sampler): void {
    this.#waiting.push({ sequence, sampler });
  }

  /** Forgets a sequence; false if it is not here. */
  cancel(id: number): boolean {
    const waiting = this.#waiting.findIndex(({ sequence }) => sequence.id === id);
    if (waiting >= 0) this.#waiting.splice(waiting, 1)[0]!.sampler[Symbol.dispose]();
    const active = this.#active.find(({ sequence }) => sequence.id === id);
    if (active) this.#leave(active);
    return waiting >= 0 || active !== undefined;
  }

  /** Computes one batch; blocks the thread meanwhile. */
  step(): Outcome[] {
    this.#admit();
    const promptTokens = this.#pace.promptTokens(this.#active.some(isGenerating), batchTokens);
    const { slices, evicted } = planStep(this.#active, { batchTokens, promptTokens, cacheTokens: this.#cacheTokens });
    for (const member of evicted) this.#evict(member);

    const outputs: { member: Member; index: number }[] = [];
    this.#batch.clear();
    for (const { member, count } of slices) {
      const { tokens, cached } = member.sequence;
      for (let pos = cached; pos < cached + count; pos++) {
        const last = pos === tokens.length - 1;
        const index = this.#batch.add(tokens[pos]!, pos, member.slot, last);
        if (last) outputs.push({ member, index });
      }
    }
    const ms = this.#decode();
    if (ms === undefined) return this.#makeRoom();
    if (slices.some(({ count }) => count > 1)) this.#pace.observe(this.#batch.length, ms);
    for (const { member, count } of slices) member.sequence.cached += count;
    return outputs.flatMap(({ member, index }) => this.#advance(member, index));
  }

  [Symbol.dispose](): void {
    for (const { sampler } of [...this.#waiting.splice(0), ...this.#active.splice(0)]) sampler[Symbol.dispose]();
    this.#context[Symbol.dispose]();
  }

  /** Computes the batch and says how long it took; undefined when the memory has no room for it. */
  #decode(): number | undefined {
    const { length } = this.#batch;
    const threads = this.#threads.choose(length);
    this.#context.setThreads(threads);
    const start = performance.now();
    if (this.#context.decode(this.#batch) === 'no-slot') return undefined;
    const ms = performance.now() - start;
    this.#threads.observe(length, threads, ms);
    return ms;
  }

  /** Computes a token a few times, so that the weights are in memory and threads are chosen before anybody waits. */
  #warmUp(): void {
    for (let step = 0; step < warmUpSteps; step++) {
      this.#batch.clear();
      this.#batch.add(this.#model.vocab.bos ?? 0, 0, 0, true);
      this.#decode();
      this.#context.memory.remove(0);
    }
  }

  /** A sequence joins when what it brings fits beside all that the others have, so that it is not evicted at once. */
  #admit(): void {
    let taken = this.#active.reduce((sum, { sequence }) => sum + sequence.tokens.length + 1, 0);
    while (this.#waiting.length > 0 && this.#freeSlots.length > 0) {
      taken += this.#waiting[0]!.sequence.tokens.length + 1;
      if (taken > this.#cacheTokens && this.#active.length > 0) return;
      this.#active.push({ ...this.#waiting.shift()!, slot: this.#freeSlots.pop()! });
    }
  }

  #advance(member: Member, index: number): Outcome[] {
    return this.#outcome(member, this.#next(member, index));
  }

  #outcome(member: Member, { text, finish }: Step): Outcome[] {
    const { id, usage } = member.sequence;
    if (finish) this.#leave(member);
    if (text === '' && !finish) return [];
    return [{ id, ...(text !== '' && { text }), ...(finish && { finish: { reason: finish, ...usage } }) }];
  }

  #next({ sequence, sampler }: Member, index: number): Step {
    const { vocab } = this.#model;
    if (sequence.ngrams) {
      const logits = this.#context.logits(index);
      // The end is never a repetition, and it is the way out when nothing else is left.
      const banned = [...sequence.ngrams.banned()].filter((token) => !vocab.isEog(token));
      if (banned.length === vocab.size) return sequence.end('stop');
      for (const token of banned) logits[token] = -Infinity;
    }
    const token = sampler.sample(this.#context, index);
    if (vocab.isEog(token)) return sequence.end('stop');
    this.completionTokens++;
    return sequence.accept(token, vocab.pieceBytes(token));
  }

  /** The memory is fuller than counted, as that of sliding windows can be: the youngest has to wait. */
  #makeRoom(): Outcome[] {
    const youngest = this.#active.at(-1)!;
    if (this.#active.length > 1) {
      this.#evict(youngest);
      return [];
    }
    const { id, promptTokens, usage } = youngest.sequence;
    if (usage.completionTokens > 0) return this.#outcome(youngest, youngest.sequence.end('length'));
    this.#leave(youngest);
    return [{ id, error: { code: 'context_overflow', details: { tokens: promptTokens, limit: this.#cacheTokens } } }];
  }

  /** Back to the head of the line, to be computed again from its first token. */
  #evict(member: Member): void {
    this.#release(member);
    member.sequence.cached = 0;
    this.#waiting.unshift(member);
  }

  #leave(member: Member): void {
    this.#release(member);
    member.sampler[Symbol.dispose]();
  }

  #release(member: Member): void {
    this.#active = this.#active.filter((each) => each !== member);
    this.#context.memory.remove(member.slot);
    this.#freeSlots.push(member.slot);
  }
}
