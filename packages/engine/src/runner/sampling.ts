import { randomInt } from 'node:crypto';
import { Sampler, type LlamaModel, type SamplerStep } from '@atelier/llama';
import { AtelierError } from '@atelier/errors';
import type { GenerateCommand } from '../protocol.ts';

/** Seeds below this; llama.cpp takes the largest 32-bit number for "a random one". */
const seeds = 0xffff_ffff;

/** Less than this share of the best probability counts as nothing: typical sampling cannot take the logarithm of 0. */
const negligible = 1e-9;

type Sampling = GenerateCommand['sampling'];

/**
 * The native sampler chain for one choice of a request, in the order of Hugging Face's and vLLM's: bias, penalties,
 * temperature, then cuts.
 */
export function createSampler(
  model: LlamaModel,
  sampling: Sampling,
  prompt: Int32Array,
  contextTokens: number,
  choice = 0,
): Sampler {
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
  steps.push(...picking(sampling, choice));
  const sampler = new Sampler(model, steps);
  for (const step of aboutPrompt) for (const token of prompt) sampler.accept(token, step);
  return sampler;
}

function picking(sampling: Sampling, choice: number): SamplerStep[] {
  const { temperature, topK, topP, minP, typicalP, xtc, mirostat } = sampling;
  if (temperature === 0) return [{ kind: 'greedy' }];
  const steps: SamplerStep[] = [{ kind: 'temperature', temperature }];
  const seed = sampling.seed === undefined ? randomInt(seeds) : (sampling.seed + choice) % seeds;
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
