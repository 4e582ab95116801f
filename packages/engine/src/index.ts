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
export type { ChatMessage, GenerateRequest, LocalModelRef, ModelRef, RemoteModelRef } from './generate-request.ts';
export { checkModel, type ModelFile } from './model-check.ts';
export type { EngineLogger } from './logger.ts';
export type { TokenCount, TokenizeRequest } from './tokenize-request.ts';
export { createRemoteEngine, type RemoteEngine } from './remote/create-remote-engine.ts';
export type { RemoteModel } from './remote/service.ts';
export { remoteKinds, type RemoteService } from './remote/remote-service.ts';
export { routeEngines } from './remote/route-engines.ts';
