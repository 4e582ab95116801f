import { AtelierError } from '@atelier/errors';
import type { ChatMessage } from '../records/message.ts';
import { breakSpecials } from './special-tokens.ts';

/** A model's chat template and what belongs to it. */
export type ChatTemplate = {
  /** Jinja source, usually `tokenizer.chat_template` of the GGUF file. */
  readonly template: string;
  readonly bosToken: string;
  readonly eosToken: string;
  /** Texts of the vocabulary's control tokens. The same array each time is looked up, a new one is compiled. */
  readonly specialTokens: readonly string[];
  /** The time that `strftime_now` prints, in milliseconds since 1970, in UTC; absent: the present. */
  readonly now?: number | undefined;
};

/** What a template renders; the messages' special tokens are broken on the way (see special-tokens.ts). */
export type Conversation = {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly unknown[] | undefined;
  readonly addGenerationPrompt: boolean;
};

export type TemplateInput = { messages: unknown[]; tools: unknown[] | null; addGenerationPrompt: boolean };

/** Templates walk their input by recursion; a real tool's schema stays far below this. */
const maxDepth = 64;

/** A conversation as templates expect it: arguments of tool calls as objects, no weights, special tokens broken. */
export function templateInput(conversation: Conversation, specialTokens: readonly string[]): TemplateInput {
  const messages = conversation.messages.map(templateMessage);
  const tools = conversation.tools === undefined || conversation.tools.length === 0 ? null : [...conversation.tools];
  requireDepth(messages, 0);
  requireDepth(tools, 0);
  return {
    messages: breakSpecials(messages, specialTokens),
    tools: tools && breakSpecials(tools, specialTokens),
    addGenerationPrompt: conversation.addGenerationPrompt,
  };
}

function templateMessage(chatMessage: ChatMessage): Record<string, unknown> {
  const { weight: _weight, tool_calls: calls, ...message } = chatMessage;
  if (calls === undefined) return message;
  const toolCalls = calls.map((call) => ({
    ...call,
    function: { ...call.function, arguments: argumentsObject(call.function.arguments) },
  }));
  return { ...message, tool_calls: toolCalls };
}

/** The published templates of models with tools print `arguments | tojson` and mean an object. */
function argumentsObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : text;
  } catch {
    return text;
  }
}

function requireDepth(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > maxDepth)
    throw new AtelierError('template_failed', { reason: `the messages are nested deeper than ${maxDepth} levels` });
  for (const item of Object.values(value)) requireDepth(item, depth + 1);
}
