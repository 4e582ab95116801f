/** How each starter model is trained: everything that a reproduction needs, in one place. */
import { hyperParametersSchema, type HyperParameters } from '@atelier/tuner/contract';
import type { ArchitectureName } from '../architecture.ts';

export type Recipe = {
  seed: number;
  /** Tokens of the generated corpus, which is passed once or a little more. */
  corpusTokens: number;
  hyperParameters: HyperParameters;
};

const common = {
  batchTokens: 2048,
  maxSequenceTokens: 512,
  promptLossWeight: 0.25,
  schedule: 'cosine',
  finalLearningRateShare: 0.03,
  beta2: 0.95,
  weightDecay: 0.05,
  checkpointSteps: 500,
} as const;

export const recipes: Record<ArchitectureName, Recipe> = {
  starter: {
    seed: 1,
    corpusTokens: 4_500_000,
    hyperParameters: hyperParametersSchema.parse({ ...common, steps: 2000, learningRate: 1.5e-3, warmupSteps: 100 }),
  },
  tiny: {
    seed: 2,
    corpusTokens: 4_000_000,
    hyperParameters: hyperParametersSchema.parse({ ...common, epochs: 1, learningRate: 3e-3, warmupSteps: 60 }),
  },
};
