import type { HyperParameters } from './contract/index.ts';

/** The learning rate of optimizer step `step` (from 1) of `total`: linear warm-up, then constant, linear or cosine to the final share. */
export function learningRate(h: HyperParameters, step: number, total: number): number {
  if (step <= h.warmupSteps) return (h.learningRate * step) / h.warmupSteps;
  const after = Math.max(1, total - h.warmupSteps);
  const progress = Math.min(1, (step - 1 - h.warmupSteps) / after);
  const remaining = { constant: 1, linear: 1 - progress, cosine: (1 + Math.cos(Math.PI * progress)) / 2 }[h.schedule];
  return h.learningRate * (h.finalLearningRateShare + (1 - h.finalLearningRateShare) * remaining);
}
