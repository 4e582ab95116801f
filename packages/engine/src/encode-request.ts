/** What can be asked of a model's vectors and heads, checked before anything else sees it, and what comes back. */
import { chatMessageSchema, type TargetScores } from '@atelier/data';
import { z } from 'zod';
import { type AnyModel, modelRefSchema } from './generate-request.ts';
import { maxEncodedInputs, maxPromptTokens } from './limits.ts';

/** A text, a conversation without a prompt for a reply, or tokens as they are. */
export const sequenceInputSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('text'), text: z.string() }),
  z.strictObject({
    kind: z.literal('chat'),
    messages: z.array(chatMessageSchema).min(1).max(10_000),
    tools: z.array(z.unknown()).max(1024).optional(),
  }),
  z.strictObject({
    kind: z.literal('tokens'),
    tokens: z.array(z.int().min(0).max(0x7fff_ffff)).min(1).max(maxPromptTokens),
  }),
]);
export type SequenceInput = z.input<typeof sequenceInputSchema>;

/** How the hidden states of a sequence become one: their mean, the last one, the first one. */
export const poolingSchema = z.enum(['mean', 'last', 'cls']);

export const vectorForms = ['float', 'int8', 'uint8', 'binary', 'ubinary'] as const;
export type VectorForm = (typeof vectorForms)[number];

const common = {
  model: modelRefSchema,
  /** Who asks; capacity is shared fairly between owners. */
  owner: z.string(),
};
const inputs = z.array(sequenceInputSchema).min(1).max(maxEncodedInputs);

export const embedRequestSchema = z.strictObject({
  ...common,
  inputs,
  /** Absent: what the head says, else the model's file, else `mean`. */
  pooling: poolingSchema.optional(),
  /** Brings each vector to length 1. Absent: what the head says, else yes. */
  normalise: z.boolean().optional(),
  /** Keeps the first so many numbers, as models trained for it (Matryoshka) allow. */
  dimensions: z.int().min(1).max(0x7fff_ffff).optional(),
  /** See `embedding-form.ts`; all but `float` are of normalised vectors. */
  form: z.enum(vectorForms).default('float'),
  /** Cuts off what is longer than the model's context instead of refusing it. */
  truncate: z.boolean().default(false),
});
export type EmbedRequest = AnyModel<z.input<typeof embedRequestSchema>>;

export const classifyRequestSchema = z.strictObject({
  ...common,
  /** Has to have a head of classification, regression or reward. */
  model: modelRefSchema.required({ head: true }),
  inputs,
  /** As training does. */
  truncate: z.boolean().default(true),
});
export type ClassifyRequest = z.input<typeof classifyRequestSchema>;

export const rerankRequestSchema = z.strictObject({
  ...common,
  query: z.string().min(1),
  documents: z
    .array(z.string())
    .min(1)
    .max(maxEncodedInputs - 1),
  truncate: z.boolean().default(true),
});
export type RerankRequest = AnyModel<z.input<typeof rerankRequestSchema>>;

/** Tokens that the model read. */
export type EncodeUsage = { promptTokens: number };

export type Vector = Float32Array | Int8Array | Uint8Array;

/** One vector for each input, in order. */
export type Embeddings = { vectors: Vector[]; usage: EncodeUsage };

/** For each input, in order, what the head says of each of its targets. */
export type Classification = {
  task: 'classification' | 'regression' | 'reward';
  results: TargetScores[][];
  usage: EncodeUsage;
};

/**
 * One score for each document, in order; higher is nearer to the query. `reranker`: the model's own head has read query
 * and document together, and the scale is the model's. `cosine`: of their embeddings, -1 to 1.
 */
export type Reranking = { by: 'reranker' | 'cosine'; scores: number[]; usage: EncodeUsage };
