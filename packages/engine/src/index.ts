export { createEngine, type EngineOptions } from './create-engine.ts';
export type { Engine, EngineStatus, ModelInfo, RunnerStatus } from './engine.ts';
export type {
  Classification,
  ClassifyRequest,
  EmbedRequest,
  Embeddings,
  EncodeUsage,
  RerankRequest,
  Reranking,
  SequenceInput,
  Vector,
  VectorForm,
} from './encode-request.ts';
export type { FinishReason, GenerateEvent, TokenLogprob, Usage } from './generate-event.ts';
export type { ChatMessage, GenerateRequest, ModelRef } from './generate-request.ts';
export type { EngineLogger } from './logger.ts';
export type { TokenCount, TokenizeRequest } from './tokenize-request.ts';
