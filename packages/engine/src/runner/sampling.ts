import { randomInt } from 'node:crypto';
import { Sampler, type LlamaModel, type SamplerStep } from '@atelier/llama';
import type { GenerateCommand } from '../protocol.ts';

/** Seeds below this; llama.cpp takes the largest 32-bit number for "a random one". */
const seeds = 0xffff_ffff;

/** The native sampler chain for a request, in the order of Hugging Face's and vLLM's: penalties, temperature, then cuts. */
export function createSampler(
  model: LlamaModel,
  sampling: GenerateCommand['sampling'],
  prompt: Int32Array,
  contextTokens: number,
): Sampler {
  const steps: SamplerStep[] = [];
  const { repeatPenalty, frequencyPenalty, presencePenalty, temperature, topK, topP, minP, seed } = sampling;
  if (repeatPenalty !== 1) steps.push({ kind: 'penalties', lastN: contextTokens, repeat: repeatPenalty });
  if (frequencyPenalty !== 0 || presencePenalty !== 0) {
    steps.push({ kind: 'penalties', lastN: contextTokens, frequency: frequencyPenalty, presence: presencePenalty });
  }
  if (temperature === 0) steps.push({ kind: 'greedy' });
  else {
    steps.push({ kind: 'temperature', temperature });
    if (topK > 0) steps.push({ kind: 'topK', k: topK });
    if (topP < 1) steps.push({ kind: 'topP', p: topP });
    if (minP > 0) steps.push({ kind: 'minP', p: minP });
    steps.push({ kind: 'dist', seed: seed ?? randomInt(seeds) });
  }
  const sampler = new Sampler(model, steps);
  // The prompt counts as repetition, but not for the penalties that are about the text alone.
  if (repeatPenalty !== 1) for (const token of prompt) sampler.accept(token, 0);
  return sampler;
}
