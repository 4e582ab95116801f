import { maxEncodeTokens, maxSequences } from './limits.ts';
import type { ModelFile } from './model-check.ts';

/** llama.cpp rounds contexts up to whole multiples of this. */
const contextStep = 256;

const leastCacheBytes = 128 << 20;

export type MemoryPlan = {
  /** Tokens that one context's memory holds, all sequences together. */
  cacheTokens: number;
  /** Whether each sequence has cells of its own. */
  separate: boolean;
  /** Tokens that one sequence may have. */
  contextTokens: number;
  /** Tokens that one sequence may have that is embedded or judged as a whole. */
  encodeTokens: number;
};

/**
 * How many tokens the contexts of a model hold: as many as `cacheBytes` pays for, but no more than all sequences can use.
 * Where that is enough for every sequence at the model's own limit, each has cells of its own, because a step looks at all
 * the cells that a sequence could have used (measured with 32 sequences of 1,024 tokens: 67 ms with cells of their own,
 * 148 ms without). Otherwise sequences share them, so that each may still grow to the limit while others are short.
 */
export function planMemory(file: ModelFile, options: { cacheBytes?: number; maxRunning: number }): MemoryPlan {
  const cacheBytes = options.cacheBytes ?? Math.max(leastCacheBytes, file.fileBytes / 2);
  const affordable = Math.floor(cacheBytes / file.cacheBytesPerToken / contextStep) * contextStep;
  const useful = Math.ceil(file.contextTokens / contextStep) * contextStep * Math.min(options.maxRunning, maxSequences);
  const cacheTokens = Math.max(contextStep, Math.min(affordable, useful));
  const contextTokens = Math.min(file.contextTokens, cacheTokens);
  // The context for such sequences keeps keys and values in twice as many bytes.
  const encodeTokens = Math.min(contextTokens, maxEncodeTokens, Math.max(contextStep, affordable / 2));
  return { cacheTokens, separate: cacheTokens === useful, contextTokens, encodeTokens };
}
