import { AtelierError } from '@atelier/errors';
import type { ChatTemplate, Conversation } from '../chat-template/template-input.ts';
import type { TemplateRenderer } from '../chat-template/template-renderer.ts';
import type { ChatMessage } from '../records/message.ts';
import { encodeRendered, withBos } from './encode-rendered.ts';
import { fimPromptTokens } from './fim-row.ts';
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
      /** How the reply begins. */
      readonly prefix?: string | undefined;
    }
  | { readonly kind: 'raw'; readonly text: string }
  /** What stands before and after a hole. */
  | { readonly kind: 'fim'; readonly prefix: string; readonly suffix: string };

/**
 * The tokens that stand before a reply, or before what fills a hole: for the same messages or text, exactly those that
 * training put there. A hole at the end of a text is no hole: the text is gone on with. Fails with `template_failed`.
 */
export async function promptTokens(model: PromptModel, prompt: Prompt, signal?: AbortSignal): Promise<Int32Array> {
  switch (prompt.kind) {
    case 'raw':
      return Int32Array.from(rawPromptTokens(model.tokenizer, prompt.text));
    case 'fim':
      return Int32Array.from(
        prompt.suffix === ''
          ? rawPromptTokens(model.tokenizer, prompt.prefix)
          : fimPromptTokens(model.tokenizer, prompt),
      );
    case 'chat':
      return Int32Array.from(await conversationTokens(model, prompt, signal));
  }
}

/** A word that no template prints by itself. */
const placeholder = 'qzjxkvwy';

async function conversationTokens(
  model: PromptModel,
  { messages, tools, prefix = '' }: Prompt & { kind: 'chat' },
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const last: Conversation =
    prefix === ''
      ? { messages, tools, addGenerationPrompt: true }
      : {
          messages: [...messages, { role: 'assistant', content: placeholder }],
          tools,
          addGenerationPrompt: false,
        };
  const conversations = [...turnConversations({ messages, tools }), last];
  const rendered = await model.renderer.renderMany(chatTemplateOf(model), conversations, signal);
  let text = rendered.pop()!;
  if (typeof text !== 'string') throw text;
  if (prefix !== '') {
    const at = text.lastIndexOf(placeholder);
    if (at < 0) throw new AtelierError('template_failed', { reason: 'it does not print what an assistant says' });
    text = text.slice(0, at);
  }
  // A template may refuse to render less than everything; then there was no training on that part either.
  const history = rendered.every((part) => typeof part === 'string') ? promptPieces(turnsOf(rendered), text) : [text];
  const tokens = chatPromptTokens(model, history);
  // The reply is a piece of its own in training, too.
  return prefix === ''
    ? tokens
    : [...tokens, ...model.tokenizer.encode(prefix, { parseSpecial: false, after: tokens.at(-1) })];
}

export function chatPromptTokens({ specialTokens, tokenizer }: PromptModel, pieces: readonly string[]): number[] {
  const tokens: number[] = [];
  for (const piece of pieces) {
    const encoded = encodeRendered(piece, specialTokens, tokenizer, tokens.at(-1));
    for (const token of encoded.tokens) tokens.push(token);
  }
  return withBos(tokens, tokenizer);
}

export function rawPromptTokens(tokenizer: Tokenizer, text: string): number[] {
  return withBos([...tokenizer.encode(text, { parseSpecial: false })], tokenizer);
}

export function chatTemplateOf(model: PromptModel): ChatTemplate {
  const { template, bosToken, eosToken, specialTokens, now } = model;
  if (template === undefined) throw new AtelierError('template_failed', { reason: 'the model has none' });
  return { template, bosToken, eosToken, specialTokens, now };
}
