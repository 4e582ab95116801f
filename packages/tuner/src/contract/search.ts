/**
 * search.json, what a search directory holds: a run, and the hyper-parameters that are tried in it. Each trial is a run
 * directory DIR/trials/<number>; result.json says what came of them.
 */
import { z } from 'zod';
import { hyperParametersSchema, runSpecSchema } from './spec.ts';

/** More is no search but a mistake. */
export const maxTrials = 10_000;

const value = z.union([z.number(), z.string(), z.boolean(), z.array(z.string())]);

/** Values to choose from, or a range. */
const domainSchema = z.union([
  z.strictObject({ values: z.array(value).min(1).max(1000) }),
  z
    .strictObject({
      min: z.number(),
      max: z.number(),
      /** `log`: each tenfold is as likely as the next, for learning rates. */
      scale: z.enum(['linear', 'log']).default('linear'),
      integer: z.boolean().default(false),
      /** Grid: how many points of the range, ends included. */
      points: z.int().min(2).max(1000).default(3),
    })
    .refine(({ min, max }) => min < max, 'min must be below max')
    .refine(({ min, scale }) => scale === 'linear' || min > 0, 'a log scale must begin above 0'),
]);
export type Domain = z.infer<typeof domainSchema>;

/** Fields of `validation` events that can be what trials are compared by; only the loss and the error are better when low. */
const searchMetrics = ['loss', 'tokenAccuracy', 'accuracy', 'macroF1', 'meanAbsoluteError', 'spearman'] as const;
export type SearchMetric = (typeof searchMetrics)[number];

export const searchSpecSchema = z.strictObject({
  version: z.literal(1),
  /** The run; paths in it are absolute or relative to the search directory. */
  base: runSpecSchema.refine(({ validation }) => validation.length > 0, {
    path: ['validation'],
    message: 'trials are compared by their validation, which needs data',
  }),
  /** What is tried, by the names of hyper-parameters. */
  parameters: z.partialRecord(z.enum(Object.keys(hyperParametersSchema.shape) as [string, ...string[]]), domainSchema),
  /** `grid`: every combination, in order. `random`: `trials` drawn with the seed. */
  strategy: z.enum(['grid', 'random']).default('grid'),
  trials: z.int().min(1).max(maxTrials).default(20),
  seed: z.int().min(0).max(0xffff_ffff).default(0),
  metric: z.enum(searchMetrics).default('loss'),
});
export type SearchSpec = z.infer<typeof searchSpecSchema>;

const trialSchema = z.object({
  number: z.int().min(1),
  /** Those that were tried. */
  hyperParameters: z.record(z.string(), value),
  state: z.enum(['succeeded', 'failed']),
  /** Of its best checkpoint, by the search's metric; null: it has none. */
  value: z.number().nullable(),
  step: z.int().nullable(),
  /** Why it failed. */
  reason: z.string().exactOptional(),
});
export type Trial = z.infer<typeof trialSchema>;

export const searchResultSchema = z.object({
  version: z.literal(1),
  metric: z.enum(searchMetrics),
  /** Trials in all, ended or not. */
  total: z.int(),
  trials: z.array(trialSchema),
  /** `path` of the checkpoint, relative to the search directory. */
  best: z.object({ number: z.int(), value: z.number(), step: z.int(), path: z.string() }).nullable(),
});
export type SearchResult = z.infer<typeof searchResultSchema>;
