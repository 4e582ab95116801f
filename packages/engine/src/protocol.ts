/**
 * What an engine and a runner say to each other: commands down, reports up. Both sides check every message.
 */
import { z } from 'zod';
import { headFileSchema } from '@atelier/data';
import { maxEncodedInputs, maxSequences } from './limits.ts';
import { finishReasons, tokenLogprobSchema } from './generate-event.ts';
import { poolingSchema, sequenceInputSchema } from './encode-request.ts';
import { generationSchema, modelRefSchema } from './generate-request.ts';

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
    /** Each sequence has cells of its own there, `contextTokens` of them, which is faster; otherwise they share all. */
    separate: z.boolean(),
    speculation: z.enum(['off', 'ngram']),
    /** Tokens that prompt and completion may have together. */
    contextTokens: z.int().min(1),
    /** Tokens that one sequence may have that is embedded or judged as a whole. */
    encodeTokens: z.int().min(1),
    /** Contexts with an adapter that are kept at once. */
    maxAdapters: z.int().min(1),
  }),
  generationSchema.extend({
    type: z.literal('generate'),
    id,
    /** Only requests of the same owner share what is computed. */
    owner: z.string(),
    adapter: adapterSchema.optional(),
  }),
  /** Counts the tokens of a prompt, and with `tokens` says which. */
  z.strictObject({ type: z.literal('tokenize'), id, input: generationSchema.shape.input, tokens: z.boolean() }),
  /** Computes hidden states of whole sequences, or what a head says of them. */
  z.strictObject({
    type: z.literal('encode'),
    id,
    adapter: adapterSchema.optional(),
    head: modelRefSchema.shape.head,
    /** The number of the first of these inputs in the whole request. */
    first: count,
    inputs: z
      .array(
        z.discriminatedUnion('kind', [
          ...sequenceInputSchema.options,
          /** For the model's own head that scores documents. */
          z.strictObject({ kind: z.literal('pair'), query: z.string(), document: z.string() }),
        ]),
      )
      .min(1)
      .max(maxEncodedInputs),
    pooling: z.union([poolingSchema, z.literal('rank')]).optional(),
    /** Pooled hidden states, not normalised, or the scores of the head's targets one after the other. */
    results: z.enum(['hidden', 'head']),
    truncate: z.boolean(),
  }),
  /** Makes the context, with an adapter or without, and generates nothing. */
  z.strictObject({ type: z.literal('prepare'), id, adapter: adapterSchema.optional() }),
  z.strictObject({ type: z.literal('cancel'), id }),
]);
export type Command = z.output<typeof commandSchema>;
export type LoadCommand = Extract<Command, { type: 'load' }>;
export type GenerateCommand = Extract<Command, { type: 'generate' }>;
export type TokenizeCommand = Extract<Command, { type: 'tokenize' }>;
export type EncodeCommand = Extract<Command, { type: 'encode' }>;
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

const headSchema = headFileSchema.pick({ task: true, normalise: true, targets: true });
/** What a request has to know of a head. */
export type HeadDescription = z.output<typeof headSchema>;

/**
 * What became of one request, or of one of its choices, since the last report. `finish` is the last of a choice,
 * `prepared`, `tokenized` and `error` of the request. Reasoning comes before the text.
 */
const outcomeSchema = z.strictObject({
  id,
  choice: count.optional(),
  reasoning: z.string().optional(),
  text: z.string().optional(),
  /** Of the tokens of this text, or of this reasoning where there is no text. */
  logprobs: z.array(tokenLogprobSchema).optional(),
  finish: z
    .strictObject({
      reason: z.enum(finishReasons),
      stop: z.union([z.string(), z.number()]).optional(),
      promptTokens: count,
      cachedTokens: count,
      completionTokens: count,
    })
    .optional(),
  tokenized: z.strictObject({ count, tokens: z.array(count).optional() }).optional(),
  head: headSchema.optional(),
  /** Inputs that are done, how many tokens each has, and their numbers: base64 of little-endian F32, one row after the other. */
  encoded: z.strictObject({ indexes: z.array(count).min(1), tokens: z.array(count), values: z.base64() }).optional(),
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
