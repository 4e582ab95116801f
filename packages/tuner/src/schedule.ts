import type { HyperParameters } from './contract/index.ts';

/** inverse_sqrt without a warm-up falls as if it had had one of so many steps, as Hugging Face's does. */
const inverseSqrtSteps = 10_000;

/** Steps of linear warm-up in a run of `total`. */
export function warmupSteps(h: HyperParameters, total: number): number {
  return h.warmupSteps > 0 ? h.warmupSteps : Math.ceil(h.warmupFraction * total);
}

/** The learning rate of optimizer step `step` (from 1) of `total`: linear warm-up, then the schedule down to the final share. */
export function learningRate(h: HyperParameters, step: number, total: number): number {
  const warmup = warmupSteps(h, total);
  if (step <= warmup) return (h.learningRate * step) / warmup;
  const done = step - 1 - warmup;
  const progress = Math.min(1, done / Math.max(1, total - warmup));
  const remaining = shapes[h.schedule](h, progress, done, warmup);
  return h.learningRate * (h.finalLearningRateShare + (1 - h.finalLearningRateShare) * remaining);
}

/** From `progress`, 0 to 1 after the warm-up, or the steps `done` since: the share of the way down that remains. */
const shapes: Record<
  HyperParameters['schedule'],
  (h: HyperParameters, progress: number, done: number, warmup: number) => number
> = {
  constant: () => 1,
  linear: (_, progress) => 1 - progress,
  cosine: (_, progress) => (1 + Math.cos(Math.PI * progress)) / 2,
  cosine_with_restarts: ({ scheduleCycles }, progress) =>
    (1 + Math.cos(Math.PI * ((scheduleCycles * progress) % 1))) / 2,
  polynomial: ({ schedulePower }, progress) => (1 - progress) ** schedulePower,
  inverse_sqrt: (_, __, done, warmup) => {
    const scale = warmup > 0 ? warmup : inverseSqrtSteps;
    return Math.sqrt(scale / (scale + done));
  },
};
