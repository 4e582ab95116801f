/** Which forms of rows each API takes: as its documents say and, where it serves what they leave out, holes in texts. */
import { completionShape } from './completion-shape.ts';
import { conversationShape } from './conversation-shape.ts';
import { holeShape } from './hole-shape.ts';
import { labelledShape } from './labelled-shape.ts';
import { comparedShape, openaiConversationShape } from './openai-shape.ts';
import { preferenceShape, ratingShape } from './preference-shape.ts';
import { scoredPairShape } from './scored-pair-shape.ts';
import type { Shape, TableShape } from './shape.ts';
import { textShape } from './text-shape.ts';

export type DatasetProfile = {
  /** Forms of a CSV file, told by its header; absent where the API takes none. */
  readonly csv?: readonly TableShape[];
  /** Forms of a JSONL file; a row has the first one of which it has a field. */
  readonly jsonl: readonly Shape[];
};

export const emissaryProfile: DatasetProfile = {
  csv: [completionShape('input', 'expected_output'), scoredPairShape('input', 'expected_output')],
  jsonl: [
    scoredPairShape('prompt', 'completion'),
    completionShape('prompt', 'completion', { judged: true }),
    conversationShape({ roles: ['system', 'user', 'assistant'] }),
  ],
};

export const laminiProfile: DatasetProfile = {
  csv: [completionShape('input', 'output', { emptyCompletion: true })],
  jsonl: [completionShape('input', 'output', { emptyCompletion: true })],
};

const mistralConversation = {
  roles: ['system', 'user', 'assistant', 'tool'],
  tools: { callId: /^[A-Za-z0-9]{9}$/, callIdDescription: 'nine letters or digits' },
} as const;

export const mistralProfile: DatasetProfile = {
  jsonl: [
    labelledShape,
    conversationShape(mistralConversation),
    conversationShape({ ...mistralConversation, field: 'interactions' }),
    textShape,
    holeShape,
  ],
};

export const openaiProfile: DatasetProfile = {
  jsonl: [comparedShape, openaiConversationShape, completionShape('prompt', 'completion')],
};

/** Llama Stack leaves the form of its data sets open; these are the ones in use for what it trains. */
export const llamaStackProfile: DatasetProfile = {
  jsonl: [preferenceShape, ratingShape, conversationShape(mistralConversation), textShape, holeShape],
};
