/**
 * What the rest of Atelier knows about running models. `createEngine` runs them on this machine; an engine that forwards
 * to an OpenAI-compatible server implements the same interface.
 */
import type {
  Classification,
  ClassifyRequest,
  EmbedRequest,
  Embeddings,
  RerankRequest,
  Reranking,
} from './encode-request.ts';
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
  /** Numbers in a hidden state, and so in a vector. */
  width: number;
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
   * Throws `invalid_model_file`, `model_quarantined`, `model_too_large`, `runner_crashed`, `cancelled`.
   */
  load(model: ModelRef, signal?: AbortSignal): Promise<ModelInfo>;
  /**
   * Text as it is generated, then one `finish` for each choice. Leaving the loop, or the signal, stops the generation
   * within one step. Throws `invalid_request`, `too_many_requests`, `context_overflow`, `template_failed`,
   * `payload_too_large`, `deadline_exceeded`, `runner_crashed`, `cancelled`, `shutting_down`, and what `load` throws.
   */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  /**
   * Loads a model and keeps it loaded until what this returns is disposed: neither time nor the need of other models
   * unloads it. Throws what `load` throws.
   */
  pin(model: ModelRef, signal?: AbortSignal): Promise<Disposable>;
  /** How many tokens a prompt has, and which, as the model would get them. Throws what `generate` throws. */
  tokenize(request: TokenizeRequest, signal?: AbortSignal): Promise<TokenCount>;
  /**
   * A vector for each of thousands of inputs, in batches of like length. Between two parts of a large request others get
   * their turn. Throws what `generate` throws, `invalid_request` with the number of an input that is empty, and
   * `context_overflow` for an input that is too long and not to be cut.
   */
  embed(request: EmbedRequest, signal?: AbortSignal): Promise<Embeddings>;
  /** What the head of a fine-tuned model says of each input. Throws what `embed` throws. */
  classify(request: ClassifyRequest, signal?: AbortSignal): Promise<Classification>;
  /**
   * How near documents are to a query: by the model's own head where its file has one (`pooling_type` rank), otherwise by
   * the cosine of embeddings. Throws what `embed` throws.
   */
  rerank(request: RerankRequest, signal?: AbortSignal): Promise<Reranking>;
  status(): EngineStatus;
  /** Ends the process of a base model; requests inside it end with `cancelled`. */
  unload(model: ModelRef): Promise<void>;
}
