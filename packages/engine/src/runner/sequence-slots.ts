import type { ContextMemory } from '@atelier/llama';

/** What a slot's part of the memory holds, or is going to hold. */
export type Held = {
  slot: number;
  owner: string;
  tokens: ArrayLike<number>;
  /** How many of the tokens are computed. */
  cached: number;
};

/** A slot for a sequence, and how many of its tokens are in memory already. */
export type Place = { slot: number; cached: number };

export type SlotOptions = {
  /** How many sequences the memory can tell apart. */
  slots: number;
  /** How many of them may be in use at once; the others are for what is kept. */
  mostUsed: number;
  /** A copy may be a part, and costs nothing; otherwise it is of all cells that a slot has. */
  unified: boolean;
  /** Cells of one slot, where each has its own. */
  slotTokens: number;
  /** Most cells that may hold what nobody uses now. */
  mostKept: number;
  /** False where a sequence can only be gone on with from its end. */
  canCut: boolean;
};

/** Shorter common beginnings are not worth a copy... */
const leastShared = 16;
/** ...and copying one cell takes less than this part of the time in which a token is computed. */
const copyCost = 1 / 64;

/**
 * The sequences of a context's memory. What a finished one leaves there is kept for its owner, so that the next turn of a
 * conversation, or another one that begins alike, goes on from the longest common beginning; the one used least recently
 * goes when its place is needed. Another owner never profits from it: how fast an answer comes would tell what others have
 * asked.
 */
export class SequenceSlots {
  readonly #memory: ContextMemory;
  readonly #options: SlotOptions;
  #empty: number[];
  #used = 0;
  /** Least recently used first. */
  readonly #kept = new Map<number, Held>();

  constructor(memory: ContextMemory, options: SlotOptions) {
    this.#memory = memory;
    this.#options = options;
    this.#empty = Array.from({ length: options.slots }, (_, slot) => slot);
  }

  /** How many more sequences may come. */
  get free(): number {
    return this.#options.mostUsed - this.#used;
  }

  /** Tokens in memory that nobody uses now. */
  get keptTokens(): number {
    return [...this.#kept.values()].reduce((sum, { cached }) => sum + cached, 0);
  }

  /** How many tokens of a prompt need not be computed if it starts now. `running`: what the slots in use hold. */
  reusable(owner: string, prompt: ArrayLike<number>, running: Iterable<Held>): number {
    return this.#best(owner, prompt, running)?.shared ?? 0;
  }

  /** What will be worth waiting for in a prompt that another sequence is just computing, beyond what is there now. */
  worthWaiting(owner: string, prompt: ArrayLike<number>, computing: Iterable<Held>, now: number): boolean {
    if (!this.#options.canCut) return false;
    for (const held of computing) {
      if (held.owner !== owner || held.cached >= prompt.length - 1) continue;
      const shared = Math.min(commonBeginning(held.tokens, prompt), prompt.length - 1);
      if (held.cached < shared && shared - now >= this.#leastCopied) return true;
    }
    return false;
  }

  /** A slot for a prompt, of which the last token is always computed. `running` as above; there has to be a free one. */
  take(owner: string, prompt: ArrayLike<number>, running: Iterable<Held>): Place {
    this.#used++;
    const best = this.#best(owner, prompt, running);
    if (!best) return { slot: this.#clear(this.#next(undefined)), cached: 0 };
    const { held, shared } = best;
    const isKept = this.#kept.has(held.slot);
    if (isKept && (shared * 2 >= held.cached || this.#empty.length + this.#kept.size === 1 || !this.#canCopy(best))) {
      this.#kept.delete(held.slot);
      if (shared === held.cached || this.#memory.remove(held.slot, shared)) return { slot: held.slot, cached: shared };
      return { slot: this.#clear(held.slot), cached: 0 };
    }
    if (isKept) this.#touch(held);
    const slot = this.#clear(this.#next(held.slot));
    if (this.#options.unified) this.#memory.copy(held.slot, slot, 0, shared);
    else {
      this.#memory.copy(held.slot, slot);
      this.#memory.remove(slot, shared);
    }
    return { slot, cached: shared };
  }

  /** Keeps what a sequence that is done leaves in memory. */
  keep(held: Held): void {
    this.#used--;
    if (held.cached === 0) {
      this.#empty.push(this.#clear(held.slot));
      return;
    }
    // What it went on from, or computed beside it, has nothing that it has not.
    for (const other of this.#kept.values()) {
      if (other.owner !== held.owner || other.cached > held.cached) continue;
      if (commonBeginning(other.tokens, held.tokens) >= other.cached) this.#forget(other.slot);
    }
    this.#kept.set(held.slot, { ...held, tokens: Array.from(held.tokens).slice(0, held.cached) });
    while (this.keptTokens > this.#options.mostKept) this.forgetOldest();
  }

  /** Forgets a sequence in use. */
  drop(slot: number): void {
    this.#used--;
    this.#empty.push(this.#clear(slot));
  }

  /** Forgets what was used least recently; false when nothing is kept. */
  forgetOldest(): boolean {
    const [oldest] = this.#kept.keys();
    if (oldest === undefined) return false;
    this.#forget(oldest);
    return true;
  }

  get #leastCopied(): number {
    const { unified, slotTokens } = this.#options;
    return unified ? leastShared : Math.max(leastShared, slotTokens * copyCost);
  }

  #best(owner: string, prompt: ArrayLike<number>, running: Iterable<Held>): { held: Held; shared: number } | undefined {
    let best: { held: Held; shared: number } | undefined;
    const consider = (held: Held): void => {
      if (held.owner !== owner) return;
      const shared = Math.min(commonBeginning(held.tokens, prompt), held.cached, prompt.length - 1);
      if (shared < 1 || (best && shared <= best.shared)) return;
      const candidate = { held, shared };
      const inPlace = this.#kept.has(held.slot) && (shared === held.cached || this.#canCutAt(held));
      if (inPlace || this.#canCopy(candidate)) best = candidate;
    };
    for (const held of this.#kept.values()) consider(held);
    for (const held of running) consider(held);
    return best;
  }

  #canCopy({ held, shared }: { held: Held; shared: number }): boolean {
    return shared >= this.#leastCopied && this.#canCutAt(held);
  }

  /** The memory of a sliding window may have lost the beginning; that of recurrent models has no parts. */
  #canCutAt({ slot }: Held): boolean {
    return this.#options.canCut && this.#memory.posMin(slot) === 0;
  }

  /** An empty slot, the first of them because neighbours are computed together best, or the kept one used least recently. */
  #next(butNot: number | undefined): number {
    if (this.#empty.length > 0) {
      const first = Math.min(...this.#empty);
      this.#empty = this.#empty.filter((slot) => slot !== first);
      return first;
    }
    const oldest = [...this.#kept.keys()].find((slot) => slot !== butNot)!;
    this.#kept.delete(oldest);
    return oldest;
  }

  #touch(held: Held): void {
    this.#kept.delete(held.slot);
    this.#kept.set(held.slot, held);
  }

  #forget(slot: number): void {
    this.#kept.delete(slot);
    this.#empty.push(this.#clear(slot));
  }

  #clear(slot: number): number {
    this.#memory.remove(slot);
    return slot;
  }
}

function commonBeginning(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a[at] === b[at]) at++;
  return at;
}
