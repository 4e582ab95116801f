import type { PromptModel } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { LlamaModel } from '@atelier/llama';

/**
 * A prompt model for one prompt of at most `limit` tokens: text that cannot fit, however it is tokenised, is refused with
 * `context_overflow` before a tokenizer spends seconds on it, during which nobody's generation would go on. The error
 * then names the fewest tokens that the text can have.
 */
export function forOnePrompt(model: PromptModel, longestTokenBytes: number, limit: number): PromptModel {
  const { tokenizer } = model;
  let tokens = 0;
  return {
    ...model,
    tokenizer: {
      ...tokenizer,
      encode(text, options) {
        const least = tokens + Math.ceil(Buffer.byteLength(text) / longestTokenBytes);
        if (least >= limit) throw new AtelierError('context_overflow', { tokens: least, limit });
        const encoded = tokenizer.encode(text, options);
        tokens += encoded.length;
        return encoded;
      },
    },
  };
}

/** No token stands for more bytes of text than this; vocabularies store a byte of text as one character or more. */
export function longestTokenBytes(model: LlamaModel): number {
  const texts = model.metadata.strings('tokenizer.ggml.tokens') ?? [];
  return texts.reduce((longest, text) => Math.max(longest, Buffer.byteLength(text)), 1);
}
