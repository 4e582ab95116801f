/**
 * What the rest of Atelier knows about running models. `createEngine` runs them on this machine; an engine that forwards
 * to an OpenAI-compatible server implements the same interface.
 */
import type { GenerateEvent } from './generate-event.ts';
import type { GenerateRequest, ModelRef } from './generate-request.ts';
import type { TokenCount, TokenizeRequest } from './tokenize-request.ts';

export type ModelInfo = {
  /** `general.architecture` of the file. */
  architecture: string;
  parameters: number;
  vocabularySize: number;
  /** Tokens that prompt and completion may have together. */
  contextTokens: number;
  /** Whether the file brings a chat template. */
  chat: boolean;
};

export type RunnerStatus = {
  /** Base model file. */
  model: string;
  state: 'loading' | 'ready' | 'closing';
  pid: number;
  /** Requests inside the process. */
  running: number;
  residentBytes: number;
  /** Adapter files with a context at the moment. */
  adapters: string[];
  promptTokens: number;
  completionTokens: number;
};

export type EngineStatus = {
  running: number;
  waiting: number;
  /** Since the engine was created, all runners together. */
  promptTokens: number;
  completionTokens: number;
  crashes: number;
  runners: RunnerStatus[];
  quarantined: string[];
};

export interface Engine extends AsyncDisposable {
  /**
   * Checks a model, and its adapter if it has one, and loads both, so that the first request does not wait.
   * Throws `invalid_model_file`, `model_quarantined`, `runner_crashed`, `cancelled`.
   */
  load(model: ModelRef, signal?: AbortSignal): Promise<ModelInfo>;
  /**
   * Text as it is generated, then one `finish` for each choice. Leaving the loop, or the signal, stops the generation
   * within one step. Throws `invalid_request`, `too_many_requests`, `context_overflow`, `template_failed`,
   * `payload_too_large`, `deadline_exceeded`, `runner_crashed`, `cancelled`, `shutting_down`, and what `load` throws.
   */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  /** How many tokens a prompt has, and which, as the model would get them. Throws what `generate` throws. */
  tokenize(request: TokenizeRequest, signal?: AbortSignal): Promise<TokenCount>;
  status(): EngineStatus;
  /** Ends the process of a base model; requests inside it end with `cancelled`. */
  unload(model: ModelRef): Promise<void>;
}
