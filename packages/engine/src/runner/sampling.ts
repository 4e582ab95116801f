import { randomInt } from 'node:crypto';
import { randomIntegers } from '@atelier/data';
import { Sampler, type LlamaModel, type Probabilities, type SamplerStep } from '@atelier/llama';
import { AtelierError } from '@atelier/errors';
import type { GenerateCommand } from '../protocol.ts';
import { maxTokens, weightedPick } from './weighted-pick.ts';

/** Seeds below this; llama.cpp takes the largest 32-bit number for "a random one". */
const seeds = 0xffff_ffff;

/** Less than this share of the best probability counts as nothing: typical sampling cannot take the logarithm of 0. */
const negligible = 1e-9;

type Sampling = GenerateCommand['sampling'];

/** Picks a token from logits; undefined where none is possible. */
export type QuickPick = (logits: Float32Array) => number | undefined;

export type SamplerOptions = {
  model: LlamaModel;
  probabilities: Probabilities;
  sampling: Sampling;
  prompt: Int32Array;
  contextTokens: number;
  choice: number;
};

/**
 * The native sampler chain for one choice of a request, in the order of Hugging Face's and vLLM's: bias, penalties,
 * temperature, then cuts; and a quicker pick that may stand in for it.
 */
export function createSampler(options: SamplerOptions): { sampler: Sampler; quickPick: QuickPick | undefined } {
  const { model, probabilities, prompt, contextTokens, choice } = options;
  const { seed: given } = options.sampling;
  const sampling = { ...options.sampling, seed: given === undefined ? randomInt(seeds) : (given + choice) % seeds };
  const { repeatPenalty, frequencyPenalty, presencePenalty, dry, logitBias } = sampling;
  const steps: SamplerStep[] = [];
  /** Steps for which the prompt counts as repetition; the other penalties are about the text alone. */
  const aboutPrompt: number[] = [];
  if (logitBias.length > 0) steps.push({ kind: 'logitBias', bias: biases(model, logitBias) });
  if (repeatPenalty !== 1) {
    aboutPrompt.push(steps.push({ kind: 'penalties', lastN: contextTokens, repeat: repeatPenalty }) - 1);
  }
  if (frequencyPenalty !== 0 || presencePenalty !== 0) {
    steps.push({ kind: 'penalties', lastN: contextTokens, frequency: frequencyPenalty, presence: presencePenalty });
  }
  if (dry && dry.multiplier > 0) aboutPrompt.push(steps.push({ kind: 'dry', lastN: contextTokens, ...dry }) - 1);
  steps.push(...picking(sampling));
  const sampler = new Sampler(model, steps);
  for (const step of aboutPrompt) for (const token of prompt) sampler.accept(token, step);
  return { sampler, quickPick: quickPickOf(steps, model.vocab.size, probabilities, sampling) };
}

/** Leaves nothing but the likeliest token, and no number that grows too large. */
const leastTemperature = 1e-6;

/** Kinds of steps that say no more than what share of the probability the candidates make up. */
const simple = new Set<SamplerStep['kind']>(['temperature', 'topP', 'dist']);

/** The same by a shorter way, where there is one; the other native samplers have state, or are as fast. */
function quickPickOf(
  steps: readonly SamplerStep[],
  vocabularySize: number,
  probabilities: Probabilities,
  { temperature, topP, seed }: Sampling & { seed: number },
): QuickPick | undefined {
  if (vocabularySize > maxTokens || !steps.every(({ kind }) => simple.has(kind))) return undefined;
  const random = randomIntegers(seed);
  const warm = Math.max(temperature, leastTemperature);
  return (logits) => weightedPick(probabilities.of(logits, warm), topP, random(2 ** 32) / 2 ** 32);
}

function picking(sampling: Sampling & { seed: number }): SamplerStep[] {
  const { temperature, topK, topP, minP, typicalP, xtc, mirostat, seed } = sampling;
  if (temperature === 0) return [{ kind: 'greedy' }];
  const steps: SamplerStep[] = [{ kind: 'temperature', temperature }];
  if (mirostat) {
    const { version, ...settings } = mirostat;
    return [...steps, { kind: version === 1 ? 'mirostat' : 'mirostatV2', seed, ...settings }];
  }
  if (topK > 0) steps.push({ kind: 'topK', k: topK });
  if (topP < 1) steps.push({ kind: 'topP', p: topP });
  if (minP > 0) steps.push({ kind: 'minP', p: minP });
  if (typicalP < 1) steps.push({ kind: 'minP', p: negligible }, { kind: 'typical', p: typicalP });
  if (xtc && xtc.probability > 0) steps.push({ kind: 'xtc', ...xtc, seed });
  return [...steps, { kind: 'dist', seed }];
}

/** One bias for each token: those of a token that is named more than once are added. */
function biases(model: LlamaModel, given: Sampling['logitBias']): { token: number; bias: number }[] {
  const { vocab } = model;
  const sums = new Map<number, number>();
  for (const { token, bias } of given) {
    if (typeof token === 'number' && token >= vocab.size)
      throw new AtelierError('invalid_request', { reason: `the vocabulary has ${vocab.size} tokens` });
    const tokens = typeof token === 'number' ? [token] : new Set(vocab.tokenize(token));
    for (const each of tokens) sums.set(each, (sums.get(each) ?? 0) + bias);
  }
  return Array.from(sums, ([token, bias]) => ({ token, bias: Math.min(1e6, Math.max(-1e6, bias)) }));
}
