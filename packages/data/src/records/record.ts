/** What a data set holds, in the platform's own words: every upload format becomes one of these, a record a line. */
import { z } from 'zod';
import { chatMessageSchema, toolSchema } from './message.ts';

/** Multiplies the record's loss, 1 when absent. */
const weight = z.number().min(0).exactOptional();

const conversationRecordSchema = z.object({
  kind: z.literal('conversation'),
  weight,
  messages: z.array(chatMessageSchema).min(1),
  tools: z.array(toolSchema).exactOptional(),
});

const completionRecordSchema = z.object({
  kind: z.literal('completion'),
  weight,
  prompt: z.string(),
  completion: z.string(),
});

const textRecordSchema = z.object({ kind: z.literal('text'), weight, text: z.string() });

/** A text with a hole: `middle` belongs between `prefix` and `suffix`. */
const fimRecordSchema = z.object({
  kind: z.literal('fim'),
  weight,
  prefix: z.string(),
  middle: z.string(),
  suffix: z.string(),
});

/**
 * Targets by name. A class; a list of those that hold at once; a map of 0 or 1 for each that is known; a number to predict.
 * A target that a record lacks is unknown there.
 */
const labelsSchema = z.record(
  z.string(),
  z.union([z.string(), z.array(z.string()), z.number(), z.record(z.string(), z.union([z.literal(0), z.literal(1)]))]),
);

const judged = {
  kind: z.literal('labelled'),
  labels: labelsSchema,
  weight,
};

/** Something to classify or rate, a text or a conversation, with its labels. */
const labelledRecordSchema = z.union([
  z.object({ ...judged, text: z.string() }),
  z.object({ ...judged, messages: z.array(chatMessageSchema).min(1) }),
]);

/** Two texts that belong together; `score` says how much, from 0 to 1. */
const pairRecordSchema = z.object({
  kind: z.literal('pair'),
  first: z.string(),
  second: z.string(),
  score: z.number().min(0).max(1).exactOptional(),
});

/** Two answers to one conversation, the first of which is preferred. */
const preferenceRecordSchema = z.object({
  kind: z.literal('preference'),
  messages: z.array(chatMessageSchema).min(1),
  chosen: z.string(),
  rejected: z.string(),
});

/** One answer to a conversation, found good or not. */
const ratingRecordSchema = z.object({
  kind: z.literal('rating'),
  messages: z.array(chatMessageSchema).min(1),
  answer: z.string(),
  desirable: z.boolean(),
});

export const datasetRecordSchema = z.union([
  conversationRecordSchema,
  completionRecordSchema,
  textRecordSchema,
  fimRecordSchema,
  labelledRecordSchema,
  pairRecordSchema,
  preferenceRecordSchema,
  ratingRecordSchema,
]);

export type ConversationRecord = z.infer<typeof conversationRecordSchema>;
export type CompletionRecord = z.infer<typeof completionRecordSchema>;
export type TextRecord = z.infer<typeof textRecordSchema>;
export type FimRecord = z.infer<typeof fimRecordSchema>;
export type LabelledRecord = z.infer<typeof labelledRecordSchema>;
export type PairRecord = z.infer<typeof pairRecordSchema>;
export type PreferenceRecord = z.infer<typeof preferenceRecordSchema>;
export type RatingRecord = z.infer<typeof ratingRecordSchema>;
export type DatasetRecord = z.infer<typeof datasetRecordSchema>;
export type RecordKind = DatasetRecord['kind'];
