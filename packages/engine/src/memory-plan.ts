import { maxEncodeTokens, maxSequences } from './limits.ts';
import type { ModelFile } from './model-check.ts';

/** llama.cpp rounds contexts up to whole multiples of this. */
const contextStep = 256;

const leastCacheBytes = 128 << 20;

/** A process that has the libraries loaded and no model. */
const processBytes = 128 << 20;

/** Most tokens that are computed at once. */
const stepTokens = 512;

export type MemoryOptions = {
  cacheBytes?: number | undefined;
  maxRunning: number;
  maxAdapters: number;
  /** For all models together. */
  memoryBytes: number;
};

export type MemoryPlan = {
  /** Tokens that one context's memory holds, all sequences together. */
  cacheTokens: number;
  /** Whether each sequence has cells of its own. */
  separate: boolean;
  /** Tokens that one sequence may have. */
  contextTokens: number;
  /** Tokens that one sequence may have that is embedded or judged as a whole. */
  encodeTokens: number;
  /** Contexts with an adapter that are kept at once. */
  maxAdapters: number;
};

/**
 * How many tokens the contexts of a model hold: as many as `cacheBytes` pays for, but no more than all sequences can use.
 * Where that is enough for every sequence at the model's own limit, each has cells of its own, because a step looks at all
 * the cells that a sequence could have used (measured with 32 sequences of 1,024 tokens: 67 ms with cells of their own,
 * 148 ms without). Otherwise sequences share them, so that each may still grow to the limit while others are short.
 */
export function planMemory(file: ModelFile, options: MemoryOptions): MemoryPlan {
  const cacheBytes = options.cacheBytes ?? Math.max(leastCacheBytes, file.fileBytes / 2, options.memoryBytes / 16);
  const affordable = Math.floor(cacheBytes / file.cacheBytesPerToken / contextStep) * contextStep;
  const useful = Math.ceil(file.contextTokens / contextStep) * contextStep * Math.min(options.maxRunning, maxSequences);
  const cacheTokens = Math.max(contextStep, Math.min(affordable, useful));
  const contextTokens = Math.min(file.contextTokens, cacheTokens);
  // The context for such sequences keeps keys and values in twice as many bytes.
  const encodeTokens = Math.min(contextTokens, maxEncodeTokens, Math.max(contextStep, affordable / 2));
  const context = contextBytes(file, cacheTokens);
  // A model alone may take no more than this for its adapters, so that there is room for others.
  const maxAdapters = Math.min(options.maxAdapters, Math.max(1, Math.floor(options.memoryBytes / 4 / context) - 1));
  return { cacheTokens, separate: cacheTokens === useful, contextTokens, encodeTokens, maxAdapters };
}

/**
 * Bytes that the process of a model takes when all its contexts are made: the weights, for each context its keys and values
 * and what a step computes (logits and some activations of as many tokens as a step may have), and one context for vectors.
 */
export function estimateMemory(file: ModelFile, plan: MemoryPlan): number {
  const contexts = (1 + plan.maxAdapters) * contextBytes(file, plan.cacheTokens);
  return processBytes + file.fileBytes + contexts + contextBytes(file, 2 * plan.encodeTokens);
}

function contextBytes(file: ModelFile, tokens: number): number {
  const widest = Math.max(...[...file.tensors.values()].map((shape) => shape[1] ?? 0));
  return tokens * file.cacheBytesPerToken + stepTokens * (widest + 8 * file.width) * 4;
}
