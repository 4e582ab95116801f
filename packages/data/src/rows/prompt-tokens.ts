import { AtelierError } from '@atelier/errors';
import type { ChatTemplate } from '../chat-template/template-input.ts';
import type { TemplateRenderer } from '../chat-template/template-renderer.ts';
import type { ChatMessage } from '../records/message.ts';
import { encodeRendered, withBos } from './encode-rendered.ts';
import type { Tokenizer } from './tokenizer.ts';
import { promptPieces, turnConversations, turnsOf } from './turns.ts';

/** A model's way from messages to tokens; `template` is absent where the model has none. */
export type PromptModel = Omit<ChatTemplate, 'template'> & {
  readonly tokenizer: Tokenizer;
  readonly renderer: TemplateRenderer;
  readonly template?: string | undefined;
};

export type Prompt =
  | {
      readonly kind: 'chat';
      readonly messages: readonly ChatMessage[];
      readonly tools?: readonly unknown[] | undefined;
    }
  | { readonly kind: 'raw'; readonly text: string };

/**
 * The tokens that stand before a reply: for the same messages, exactly those that training put before the assistant
 * message. Fails with `template_failed`.
 */
export async function promptTokens(model: PromptModel, prompt: Prompt, signal?: AbortSignal): Promise<Int32Array> {
  if (prompt.kind === 'raw') return Int32Array.from(rawPromptTokens(model.tokenizer, prompt.text));
  const { messages, tools } = prompt;
  const conversations = [...turnConversations({ messages, tools }), { messages, tools, addGenerationPrompt: true }];
  const rendered = await model.renderer.renderMany(chatTemplateOf(model), conversations, signal);
  const text = rendered.pop()!;
  if (typeof text !== 'string') throw text;
  // A template may refuse to render less than everything; then there was no training on that part either.
  const history = rendered.every((part) => typeof part === 'string') ? promptPieces(turnsOf(rendered), text) : [text];
  return Int32Array.from(chatPromptTokens(model, history));
}

export function chatPromptTokens({ specialTokens, tokenizer }: PromptModel, pieces: readonly string[]): number[] {
  return withBos(
    pieces.flatMap((piece) => encodeRendered(piece, specialTokens, tokenizer).tokens),
    tokenizer,
  );
}

export function rawPromptTokens(tokenizer: Tokenizer, text: string): number[] {
  return withBos([...tokenizer.encode(text, { parseSpecial: false })], tokenizer);
}

export function chatTemplateOf(model: PromptModel): ChatTemplate {
  const { template, bosToken, eosToken, specialTokens, now } = model;
  if (template === undefined) throw new AtelierError('template_failed', { reason: 'the model has none' });
  return { template, bosToken, eosToken, specialTokens, now };
}
