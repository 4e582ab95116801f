import { isAtelierError } from '@atelier/errors';
import { Batch, LlamaContext, type Adapter, type LlamaModel } from '@atelier/llama';
import { maxSequences as mostSlots } from '../limits.ts';
import type { Outcome } from '../protocol.ts';
import type { Generation } from './generations.ts';
import { NgramDraft } from './ngram-draft.ts';
import type { Step } from './sequence.ts';
import { SequenceSlots, type Held } from './sequence-slots.ts';
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
  /** Whether each sequence has an equal part of them; they share all otherwise. */
  separate?: boolean;
  /** Whether tokens are guessed, so that a step may give several. */
  speculation?: 'off' | 'ngram';
};

/** Kept for a next turn, cells that all share make every step longer. */
const mostKeptShare = 1 / 2;

type Member = Generation & {
  /** The sequence's number in the context. */
  slot: number;
  draft: NgramDraft;
  /** Guessed tokens behind the computed ones, of which the memory holds something that may be wrong. */
  drafted: readonly number[];
};

/**
 * Continuous batching over one native context: waiting sequences join when there is room, each step computes one batch for
 * all that are in, and those that finish leave. What prompts of one owner have in common is computed once.
 */
export class GenerationContext implements Disposable {
  readonly #model: LlamaModel;
  readonly #context: LlamaContext;
  readonly #batch: Batch;
  readonly #cacheTokens: number;
  readonly #slots: SequenceSlots;
  readonly #speculates: boolean;
  readonly #separate: boolean;
  /** Whether the last step did. */
  #computedPrompts = false;
  #waiting: Generation[] = [];
  /** Oldest first. */
  #active: Member[] = [];
  readonly #pace = new StepPace();
  readonly #threads: ThreadChoice;
  /** Since the context was made: tokens generated, and tokens of prompts and texts that went through the model. */
  completionTokens = 0;
  computedTokens = 0;

  constructor({
    model,
    adapter,
    threads,
    maxSequences,
    cacheTokens,
    separate = false,
    speculation = 'off',
  }: GenerationContextOptions) {
    // The memory of recurrent models is no list of positions of which a part could be copied.
    const canCut = !model.isRecurrent;
    const unified = !separate || !canCut;
    const slots = unified ? Math.min(2 * maxSequences, mostSlots) : maxSequences;
    this.#model = model;
    this.#context = new LlamaContext(model, {
      nCtx: cacheTokens,
      nBatch: batchTokens,
      nUbatch: batchTokens,
      nSeqMax: slots,
      kvUnified: unified,
    });
    if (adapter) this.#context.setAdapters([adapter]);
    this.#batch = new Batch(model.native, batchTokens);
    this.#threads = threads;
    this.#cacheTokens = Math.min(cacheTokens, this.#context.nCtx);
    this.#slots = new SequenceSlots(this.#context.memory, {
      slots,
      mostUsed: maxSequences,
      unified,
      slotTokens: this.#context.nCtxSeq,
      mostKept: unified ? this.#cacheTokens * mostKeptShare : this.#cacheTokens,
      canCut,
    });
    this.#separate = !unified;
    this.#speculates = speculation !== 'off' && canCut;
    this.#warmUp();
  }

  get busy(): boolean {
    return this.#active.length > 0 || this.#waiting.length > 0;
  }

  /** Takes over the choosers. */
  add(generations: readonly Generation[]): void {
    this.#waiting.push(...generations);
  }

  /** Forgets all sequences of a request; false if it has none here. */
  cancel(id: number): boolean {
    const ofRequest = ({ sequence }: Generation) => sequence.id === id;
    const waiting = this.#waiting.filter(ofRequest);
    const active = this.#active.filter(ofRequest);
    this.#waiting = this.#waiting.filter((each) => !ofRequest(each));
    for (const { chooser } of waiting) chooser[Symbol.dispose]();
    for (const member of active) this.#leave(member);
    return waiting.length + active.length > 0;
  }

  /** Computes one batch; blocks the thread meanwhile. */
  step(): Outcome[] {
    this.#admit();
    // Parts of the memory that are apart are computed together only for as many tokens of each: in two passes through the
    // weights anyway, of which the second would not fill its tiles.
    const apart = this.#separate ? (this.#computedPrompts ? 'generated' : 'prompts') : undefined;
    const promptTokens = this.#pace.promptTokens(batchTokens, apart ? 0 : this.#active.filter(isGenerating).length);
    const budget = { batchTokens, promptTokens, cacheTokens: this.#cacheTokens, apart } as const;
    const { slices, evicted } = planStep(this.#active, budget);
    for (const member of evicted) this.#evict(member);
    this.#forgetKept();

    let spare = this.#spare(slices);
    const outputs: { member: Member; index: number }[] = [];
    this.#batch.clear();
    // Parts of the memory that are next to each other are computed together.
    slices.sort((a, b) => a.member.slot - b.member.slot);
    for (const { member, count } of slices) {
      const { tokens, cached } = member.sequence;
      for (let pos = cached; pos < cached + count; pos++) {
        const last = pos === tokens.length - 1;
        const index = this.#batch.add(tokens[pos]!, pos, member.slot, last);
        if (last) outputs.push({ member, index });
      }
      if (!isGenerating(member)) continue;
      member.drafted = this.#guess(member, spare);
      spare -= member.drafted.length;
      for (const [at, token] of member.drafted.entries()) this.#batch.add(token, tokens.length + at, member.slot, true);
    }
    const ofPrompts = slices.some(({ count }) => count > 1);
    this.#computedPrompts = ofPrompts;
    const ms = this.#decode(ofPrompts);
    if (ms === undefined) {
      for (const { member } of slices) member.drafted = [];
      return this.#makeRoom();
    }
    if (ofPrompts) this.#pace.observe(this.#batch.length, ms);
    for (const { member, count } of slices) {
      member.sequence.cached += count;
      this.computedTokens += count + member.drafted.length;
    }
    return outputs.flatMap(({ member, index }) => this.#advance(member, index));
  }

  [Symbol.dispose](): void {
    for (const { chooser } of [...this.#waiting.splice(0), ...this.#active.splice(0)]) chooser[Symbol.dispose]();
    this.#context[Symbol.dispose]();
  }

  /** Computes the batch and says how long that takes; undefined when the memory has no room for it. */
  #decode(ofPrompts = false): number | undefined {
    const { length } = this.#batch;
    const threads = this.#threads.choose(length);
    this.#context.setThreads(threads);
    // Asking takes a hundredth of a small step.
    const used = ofPrompts && this.#model.native.gpu === 'cpu' ? process.cpuUsage() : undefined;
    const start = performance.now();
    if (this.#context.decode(this.#batch) === 'no-slot') return undefined;
    const ms = performance.now() - start;
    this.#threads.observe(length, threads, ms);
    if (!used) return ms;
    // While others have the processor, smaller steps would not come sooner: there would only be more of them.
    const { user, system } = process.cpuUsage(used);
    return Math.min(ms, (user + system) / 1000 / threads);
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

  /**
   * Sequences join when what they bring fits beside all that the others have, so that they are not evicted at once. One
   * whose prompt begins as another's does that is just being computed lets others pass.
   */
  #admit(): void {
    if (this.#waiting.length === 0 || this.#slots.free === 0) return;
    let taken = this.#active.reduce((sum, { sequence }) => sum + sequence.tokens.length + 1, 0);
    const staying: Generation[] = [];
    for (const [at, generation] of this.#waiting.entries()) {
      const { owner, sequence } = generation;
      const { tokens, reuse } = sequence;
      const running = this.#active.map(heldBy);
      const computing = this.#active.filter((member) => !isGenerating(member)).map(heldBy);
      const reusable = this.#slots.reusable(owner, tokens, running);
      if (this.#slots.worthWaiting(owner, tokens, computing, reusable)) {
        staying.push(generation);
        continue;
      }
      taken += tokens.length + 1;
      const full = this.#slots.free === 0 || (taken > this.#cacheTokens && this.#active.length > 0);
      if (full) {
        staying.push(...this.#waiting.slice(at));
        break;
      }
      const { slot, cached } = this.#slots.take(owner, tokens, running);
      sequence.cached = cached;
      reuse.tokens ??= Math.min(cached, sequence.promptTokens);
      this.#active.push({ ...generation, slot, draft: new NgramDraft(), drafted: [] });
    }
    this.#waiting = staying;
  }

  /** Those who are in need their cells, and one more each, before what is kept for others to come. */
  #forgetKept(): void {
    const needed = this.#active.reduce((sum, { sequence }) => sum + sequence.tokens.length + 1, 0);
    while (this.#slots.keptTokens > 0 && needed + this.#slots.keptTokens > this.#cacheTokens)
      this.#slots.forgetOldest();
  }

  /** Chooses the next token, and one more for each guess that was the token chosen. */
  #advance(member: Member, index: number): Outcome[] {
    const { sequence, drafted } = member;
    const outcomes: Outcome[] = [];
    let right = 0;
    // The sequence may have ended, or another choice of its request may have failed in this very step.
    while (this.#active.includes(member)) {
      outcomes.push(...this.#choose(member, index + right));
      if (right === drafted.length || sequence.tokens.at(-1) !== drafted[right]) break;
      right++;
      if (this.#active.includes(member)) sequence.cached++;
    }
    member.draft.observe(drafted.length, right);
    if (this.#active.includes(member)) this.#forgetDraft(member);
    return outcomes;
  }

  #choose(member: Member, index: number): Outcome[] {
    try {
      return this.#outcome(member, this.#next(member, index));
    } catch (error) {
      if (!isAtelierError(error)) throw error;
      const { id } = member.sequence;
      this.cancel(id);
      return [{ id, error: error.toJSON() }];
    }
  }

  #guess({ draft, slot, sequence }: Member, spare: number): readonly number[] {
    // What a sliding window has lost does not come back when guesses are forgotten.
    if (!this.#speculates || this.#context.memory.posMin(slot) !== 0) return [];
    return draft.propose(sequence.tokens, Math.min(spare, sequence.room - 1));
  }

  #forgetDraft(member: Member): void {
    if (member.drafted.length > 0) this.#context.memory.remove(member.slot, member.sequence.cached);
    member.drafted = [];
  }

  /** How many tokens more than planned a step may compute. */
  #spare(slices: readonly { count: number }[]): number {
    const planned = slices.reduce((sum, { count }) => sum + count, 0);
    const held = this.#active.reduce((sum, { sequence }) => sum + sequence.cached, this.#slots.keptTokens);
    return Math.min(batchTokens, this.#cacheTokens - held) - planned;
  }

  #outcome(member: Member, { finish, stop, text, ...step }: Step): Outcome[] {
    const { id, choice, usage } = member.sequence;
    if (finish) this.#leave(member);
    const end = finish && { reason: finish, ...(stop !== undefined && { stop }), ...usage };
    const shown = { ...(text !== '' && { text }), ...step };
    if (Object.keys(shown).length === 0 && !end) return [];
    return [{ id, ...(choice > 0 && { choice }), ...shown, ...(end && { finish: end }) }];
  }

  #next({ sequence, chooser }: Member, index: number): Step {
    const chosen = chooser.choose(this.#context, index, sequence.generated);
    if (!chosen) return sequence.end('stop');
    const { token, end, bytes, logprob } = chosen;
    if (end) return sequence.end('stop', this.#model.vocab.isEog(token) ? undefined : token);
    this.completionTokens++;
    return sequence.accept(token, bytes, logprob);
  }

  /** The memory is fuller than counted, as that of sliding windows can be: the youngest has to wait. */
  #makeRoom(): Outcome[] {
    if (this.#slots.forgetOldest()) return [];
    const youngest = this.#active.at(-1)!;
    if (this.#active.length > 1) {
      this.#evict(youngest);
      return [];
    }
    const { id, promptTokens, usage } = youngest.sequence;
    if (usage.completionTokens > 0) return this.#outcome(youngest, youngest.sequence.end('length'));
    this.cancel(id);
    return [{ id, error: { code: 'context_overflow', details: { tokens: promptTokens, limit: this.#cacheTokens } } }];
  }

  /** Back to the head of the line, to be computed again from its first token. */
  #evict(member: Member): void {
    this.#active = this.#active.filter((each) => each !== member);
    this.#slots.drop(member.slot);
    member.sequence.cached = 0;
    this.#waiting.unshift(member);
  }

  #leave(member: Member): void {
    this.#forgetDraft(member);
    this.#active = this.#active.filter((each) => each !== member);
    this.#slots.keep(heldBy(member));
    member.chooser[Symbol.dispose]();
  }
}

const heldBy = ({ owner, slot, sequence: { tokens, cached } }: Member): Held => ({ owner, slot, tokens, cached });
