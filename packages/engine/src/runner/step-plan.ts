/** What the planner needs to know of a sequence. */
export type Pending = {
  /** Tokens of prompt and text so far. */
  readonly tokens: { readonly length: number };
  /** How many of them the context's memory holds already; always fewer than all. */
  readonly cached: number;
};

/** Tokens `cached` to `cached + count` of a member's sequence, to be computed in one step. */
export type Slice<M> = { member: M; count: number };

export type StepBudget = {
  /** Tokens in one step. */
  batchTokens: number;
  /** How many of these may be of prompts. */
  promptTokens: number;
  /** Tokens that the context's memory holds, all sequences together. */
  cacheTokens: number;
  /** Where there are both, only one of them: prompts, or a token for each sequence that generates. */
  apart?: 'prompts' | 'generated' | undefined;
};

/**
 * One step for the sequences of a context, oldest first: each that generates gets its token, what is left of the budget
 * goes to prompts in order. When the memory cannot take the step, the youngest sequences have to leave it (`evicted`) and
 * be computed again later; the oldest never leaves, so work always ends.
 */
export function planStep<M extends { sequence: Pending }>(
  active: readonly M[],
  budget: StepBudget,
): { slices: Slice<M>[]; evicted: M[] } {
  const staying = [...active];
  const evicted: M[] = [];
  let free = active.reduce((left, { sequence }) => left - sequence.cached, budget.cacheTokens);
  while (staying.length > 1 && free < staying.filter(isGenerating).length) {
    const youngest = staying.pop()!;
    evicted.push(youngest);
    free += youngest.sequence.cached;
  }

  const generating = staying.filter(isGenerating).map((member) => ({ member, count: 1 }));
  if (budget.apart === 'generated' && generating.length > 0) return { slices: generating, evicted };
  const besides = budget.apart === 'prompts' ? 0 : generating.length;
  const prompts: Slice<M>[] = [];
  let left = Math.min(budget.promptTokens, budget.batchTokens - besides, free - generating.length);
  for (const member of staying) {
    if (left <= 0) break;
    if (isGenerating(member)) continue;
    const count = Math.min(left, member.sequence.tokens.length - member.sequence.cached);
    prompts.push({ member, count });
    left -= count;
  }
  const slices = budget.apart === 'prompts' && prompts.length > 0 ? prompts : [...generating, ...prompts];
  return { slices, evicted };
}

/** All but its last token is computed: a step gives the next one. */
export const isGenerating = ({ sequence }: { sequence: Pending }): boolean =>
  sequence.tokens.length - sequence.cached === 1;
