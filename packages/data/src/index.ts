export {
  chatMessageSchema,
  messageRoles,
  toolSchema,
  type ChatMessage,
  type Tool,
  type ToolCall,
} from './records/message.ts';
export {
  datasetRecordSchema,
  type CompletionRecord,
  type ConversationRecord,
  type DatasetRecord,
  type FimRecord,
  type LabelledRecord,
  type PairRecord,
  type PreferenceRecord,
  type RatingRecord,
  type RecordKind,
  type TextRecord,
} from './records/record.ts';
export { countRecords, encodeRecords, readRecords, writeRecords } from './records/record-file.ts';
export { punchHoles, type HoleOptions } from './records/punch-holes.ts';
export { splitRecords, type SplitOptions } from './records/split-records.ts';
export { convertDataset, type DatasetFormat } from './upload/convert-dataset.ts';
export {
  emissaryProfile,
  laminiProfile,
  llamaStackProfile,
  mistralProfile,
  openaiProfile,
  type DatasetProfile,
} from './upload/profiles.ts';
export { breakSpecials, splitSpecial, type RenderedPart } from './chat-template/special-tokens.ts';
export type { ChatTemplate, Conversation } from './chat-template/template-input.ts';
export {
  createTemplateRenderer,
  type RendererOptions,
  type TemplateRenderer,
} from './chat-template/template-renderer.ts';
export type { Tokenizer } from './rows/tokenizer.ts';
export type { TokenRow } from './rows/token-row.ts';
export { promptTokens, type Prompt, type PromptModel } from './rows/prompt-tokens.ts';
export { createRowBuilder, type RowBuilder, type RowBuilderOptions } from './rows/row-builder.ts';
export { preferenceRows, type PreferenceRows } from './rows/preference-rows.ts';
export { fimPromptTokens } from './rows/fim-row.ts';
export { microBatch, packRows, type MicroBatch, type PackedEpoch } from './packing/pack-rows.ts';
export { planPacking, type PackingOptions } from './packing/plan-packing.ts';
export { promptModelOf, type Vocabulary } from './rows/vocabulary.ts';
export { manySequenceTokens, sequenceTokens } from './rows/sequence-tokens.ts';
export { applyHead, embeddingOf, joinHidden, probabilities, type TargetScores } from './head/apply-head.ts';
export {
  encodeHead,
  headFileName,
  headFileSchema,
  parseHead,
  readHead,
  type Head,
  type HeadFile,
} from './head/head-file.ts';
export { randomIntegers } from './random.ts';
