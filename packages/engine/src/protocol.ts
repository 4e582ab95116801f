/**
 * What an engine and a runner say to each other: commands down, reports up. Both sides check every message.
 */
import { z } from 'zod';
import { maxSequences } from './limits.ts';
import { generateRequestSchema, modelRefSchema, samplingSchema } from './engine.ts';

const id = z.int().min(1);
const count = z.int().min(0);

const adapterSchema = modelRefSchema.shape.adapter.unwrap();
/** A LoRA adapter file and how strongly it acts. */
export type AdapterRef = z.output<typeof adapterSchema>;

export const commandSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('load'),
    path: z.string(),
    gpu: z.enum(['auto', 'off', 'vulkan', 'cuda', 'metal']),
    threads: z.int().min(1).max(1024),
    /** Sequences that one context may hold at once. */
    maxSequences: z.int().min(1).max(maxSequences),
    /** Tokens that one context's memory holds, all sequences together. */
    cacheTokens: z.int().min(1),
    /** Tokens that prompt and completion may have together. */
    contextTokens: z.int().min(1),
    /** Contexts with an adapter that are kept at once. */
    maxAdapters: z.int().min(1),
  }),
  z.strictObject({
    type: z.literal('generate'),
    id,
    adapter: adapterSchema.optional(),
    input: generateRequestSchema.shape.input,
    maxTokens: generateRequestSchema.shape.maxTokens,
    stop: generateRequestSchema.shape.stop,
    sampling: samplingSchema,
  }),
  /** Makes the context, with an adapter or without, and generates nothing. */
  z.strictObject({ type: z.literal('prepare'), id, adapter: adapterSchema.optional() }),
  z.strictObject({ type: z.literal('cancel'), id }),
]);
export type Command = z.output<typeof commandSchema>;
export type LoadCommand = Extract<Command, { type: 'load' }>;
export type GenerateCommand = Extract<Command, { type: 'generate' }>;
export type PrepareCommand = Extract<Command, { type: 'prepare' }>;

const errorSchema = z.strictObject({
  code: z.string(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});

const loadedModelSchema = z.strictObject({ parameters: count, vocabularySize: count });
export type LoadedModel = z.output<typeof loadedModelSchema>;

const statisticsSchema = z.strictObject({
  residentBytes: count,
  adapters: z.array(z.string()),
  promptTokens: count,
  completionTokens: count,
});
export type RunnerStatistics = z.output<typeof statisticsSchema>;

/** What became of one request since the last report. `finish` and `error` are the last of it. */
const outcomeSchema = z.strictObject({
  id,
  text: z.string().optional(),
  finish: z
    .strictObject({ reason: z.enum(['stop', 'length']), promptTokens: count, completionTokens: count })
    .optional(),
  prepared: z.literal(true).optional(),
  error: errorSchema.optional(),
});
export type Outcome = z.output<typeof outcomeSchema>;

export const reportSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready'), model: loadedModelSchema, statistics: statisticsSchema }),
  /** The model cannot be loaded; the runner leaves. */
  z.strictObject({ type: z.literal('refused'), error: errorSchema }),
  /** After each step, and about once a second with `statistics`. */
  z.strictObject({
    type: z.literal('progress'),
    outcomes: z.array(outcomeSchema),
    statistics: statisticsSchema.optional(),
  }),
]);
export type Report = z.output<typeof reportSchema>;
