/** How the moderation model is trained: everything that a reproduction needs, in one place. */
import { runSpecSchema, type RunSpec } from '@atelier/tuner/contract';
import { categoryNames } from './corpus.ts';

export const recipe = {
  seed: 7,
  trainRecords: 60_000,
  validationRecords: 1000,
} as const;

/** The run's spec, with `baseModel` the starter. */
export function moderationSpec(baseModel: string, threads: number | undefined): RunSpec {
  return runSpecSchema.parse({
    version: 1,
    task: 'classification',
    taskSettings: {
      targets: [{ name: 'category', labels: [...categoryNames], lossFunction: 'sigmoid' }],
      pooling: 'mean',
    },
    method: 'lora',
    baseModel,
    train: ['train.jsonl'],
    validation: ['validation.jsonl'],
    hyperParameters: {
      epochs: 1,
      batchTokens: 512,
      maxSequenceTokens: 256,
      learningRate: 1e-3,
      schedule: 'cosine',
      warmupSteps: 30,
      finalLearningRateShare: 0.03,
      weightDecay: 0.05,
      loraRank: 32,
      loraAlpha: 64,
      checkpointSteps: 400,
    },
    seed: recipe.seed,
    ...(threads === undefined ? {} : { threads }),
  });
}
