import { createTemplateRenderer, promptModelOf, promptTokens, type PromptModel } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { LlamaModel } from '@atelier/llama';
import type { GenerateCommand } from '../protocol.ts';
import { forOnePrompt, longestTokenBytes } from './prompt-limit.ts';

/** Makes the tokens that a model reads for the inputs of requests. */
export class PromptMaker {
  readonly #model: LlamaModel;
  readonly model: PromptModel;
  readonly longestTokenBytes: number;

  constructor(model: LlamaModel) {
    this.#model = model;
    this.model = promptModelOf(model.vocab, model.chatTemplate, createTemplateRenderer());
    this.longestTokenBytes = longestTokenBytes(model);
  }

  /**
   * Throws `invalid_request` for an input that the model has no form for, `template_failed`, and `context_overflow` for
   * what cannot have fewer than `limit` tokens.
   */
  async tokens(input: GenerateCommand['input'], limit: number, signal: AbortSignal): Promise<Int32Array> {
    const prompts = forOnePrompt(this.model, this.longestTokenBytes, limit);
    switch (input.kind) {
      case 'text':
        return promptTokens(prompts, { kind: 'raw', text: input.text }, signal);
      case 'chat':
      case 'fim':
        return promptTokens(prompts, input, signal);
      case 'tokens': {
        const { size } = this.#model.vocab;
        if (input.tokens.some((token) => token >= size)) {
          throw new AtelierError('invalid_request', { reason: `the vocabulary has ${size} tokens` });
        }
        return Int32Array.from(input.tokens);
      }
    }
  }
}
