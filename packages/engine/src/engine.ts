/**
 * What the rest of Atelier knows about running models. `createEngine` runs them on this machine; an engine that forwards
 * to an OpenAI-compatible server implements the same interface.
 */
import { chatMessageSchema } from '@atelier/data';
import { z } from 'zod';
import { maxPromptTokens, maxStopStringLength, maxStopStrings } from './limits.ts';

export const modelRefSchema = z.strictObject({
  /** GGUF file of the base model. */
  path: z.string().min(1),
  /** GGUF file of a LoRA adapter for it; `scale` multiplies its effect. */
  adapter: z.strictObject({ path: z.string().min(1), scale: z.number().min(-100).max(100).default(1) }).optional(),
});
export type ModelRef = z.input<typeof modelRefSchema>;

export const samplingSchema = z.strictObject({
  /** 0 takes the likeliest token each time, and the settings below it have no effect. */
  temperature: z.number().min(0).max(100).default(0),
  /** 0 keeps all tokens. */
  topK: z.int().min(0).max(1_000_000).default(0),
  topP: z.number().gt(0).max(1).default(1),
  minP: z.number().min(0).max(1).default(0),
  /**
   * The same seed, prompt and settings give the same text, as long as rounding does not decide: requests computed together
   * are summed in another order. Absent: a random one.
   */
  seed: z.int().min(0).max(0xffff_fffe).optional(),
  /** Divides (or, when negative, multiplies) the logits of tokens seen in the prompt or the text; 1 is neutral. */
  repeatPenalty: z.number().gt(0).max(100).default(1),
  /** Subtracted from a token's logit for each time the text has it. */
  frequencyPenalty: z.number().min(-100).max(100).default(0),
  /** Subtracted from a token's logit when the text has it at all. */
  presencePenalty: z.number().min(-100).max(100).default(0),
  /** No run of this many tokens occurs twice in prompt and text; 0 allows all. */
  noRepeatNgramSize: z.int().min(0).max(1024).default(0),
});

export const generateRequestSchema = z.strictObject({
  model: modelRefSchema,
  /** Who asks; capacity is shared fairly between owners. */
  owner: z.string(),
  input: z.discriminatedUnion('kind', [
    /** As it is: special tokens written in it are plain text. */
    z.strictObject({ kind: z.literal('text'), text: z.string() }),
    /** Through the chat template of the model's file. */
    z.strictObject({
      kind: z.literal('chat'),
      messages: z.array(chatMessageSchema).min(1).max(10_000),
      tools: z.array(z.unknown()).max(1024).optional(),
    }),
    z.strictObject({
      kind: z.literal('tokens'),
      tokens: z.array(z.int().min(0).max(0x7fff_ffff)).min(1).max(maxPromptTokens),
    }),
  ]),
  /** Absent: as many as the context holds. */
  maxTokens: z.int().min(1).max(0x7fff_ffff).optional(),
  /** Generation ends before the first of these; none of it is returned. */
  stop: z.array(z.string().min(1).max(maxStopStringLength)).max(maxStopStrings).default([]),
  sampling: samplingSchema.prefault({}),
});
export type GenerateRequest = z.input<typeof generateRequestSchema>;
export type ChatMessage = z.input<typeof chatMessageSchema>;

export type GenerateEvent =
  | { type: 'text'; text: string }
  | { type: 'finish'; reason: 'stop' | 'length'; usage: Usage };

/** Exact counts. The token that ends a text is not part of it and not counted. */
export type Usage = { promptTokens: number; completionTokens: number };

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
   * Text as it is generated, then one `finish`. Leaving the loop, or the signal, stops the generation within one step.
   * Throws `invalid_request`, `too_many_requests`, `context_overflow`, `template_failed`, `payload_too_large`,
   * `runner_crashed`, `cancelled`, `shutting_down`, and what `load` throws.
   */
  generate(request: GenerateRequest, signal?: AbortSignal): AsyncIterable<GenerateEvent>;
  status(): EngineStatus;
  /** Ends the process of a base model; requests inside it end with `cancelled`. */
  unload(model: ModelRef): Promise<void>;
}
