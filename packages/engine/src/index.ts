export { createEngine, type EngineOptions } from './create-engine.ts';
export type {
  ChatMessage,
  Engine,
  EngineStatus,
  GenerateEvent,
  GenerateRequest,
  ModelInfo,
  ModelRef,
  RunnerStatus,
  Usage,
} from './engine.ts';
export type { EngineLogger } from './logger.ts';
