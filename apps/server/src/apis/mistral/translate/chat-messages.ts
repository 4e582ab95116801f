/** Messages of a request in the platform's words, and the order that the hosted API asks of them. */
import type { ChatMessage } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { ContentChunk, Message } from '../schemas/messages.ts';

const outOfOrder = (reason: string): AtelierError => new AtelierError('message_order', { reason });

/** What `safe_prompt` puts before a conversation. */
const safetyPrompt =
  'Answer with care and respect, and as helpfully as you can. Do not give harmful, hateful, deceptive or illegal advice; say so when you decline.';

export type Conversation = { messages: ChatMessage[]; prefix?: string };

/**
 * @param safe puts a prompt about safety first.
 * @throws AtelierError `message_order`; `invalid_request` for content that no model here can read
 */
export function conversation(messages: readonly Message[], safe = false): Conversation {
  checkOrder(messages);
  const last = messages.at(-1)!;
  const prefix = last.role === 'assistant' ? { prefix: textOf(last.content ?? '', messages.length - 1) } : {};
  const turns = last.role === 'assistant' ? messages.slice(0, -1) : messages;
  return { messages: withSafety(turns.map(chatMessage), safe), ...prefix };
}

/**
 * Messages that are judged and not answered, in any order.
 * @throws AtelierError `invalid_request` for content that no model here can read
 */
export function chatMessages(messages: readonly Message[]): ChatMessage[] {
  return messages.map(chatMessage);
}

function withSafety(messages: ChatMessage[], safe: boolean): ChatMessage[] {
  if (!safe) return messages;
  const [first, ...rest] = messages;
  if (first?.role !== 'system') return [{ role: 'system', content: safetyPrompt }, ...messages];
  return [{ ...first, content: `${safetyPrompt}\n\n${first.content}` }, ...rest];
}

function chatMessage(message: Message, index: number): ChatMessage {
  switch (message.role) {
    case 'assistant': {
      const calls = message.tool_calls ?? [];
      return {
        role: 'assistant',
        content: textOf(message.content ?? '', index),
        ...(calls.length > 0 && {
          tool_calls: calls.map(({ id, function: called }) => ({
            id,
            type: 'function' as const,
            function: {
              name: called.name,
              arguments: typeof called.arguments === 'string' ? called.arguments : JSON.stringify(called.arguments),
            },
          })),
        }),
      };
    }
    case 'tool':
      return {
        role: 'tool',
        content: textOf(message.content ?? '', index),
        ...(message.tool_call_id && { tool_call_id: message.tool_call_id }),
        ...(message.name && { name: message.name }),
      };
    default:
      return { role: message.role, content: textOf(message.content ?? '', index) };
  }
}

/** @throws AtelierError `invalid_request` for anything but text, naming where it is */
export function textOf(content: string | readonly ContentChunk[], index: number): string {
  if (typeof content === 'string') return content;
  return content
    .map((chunk, at) => {
      if ('text' in chunk) return chunk.text;
      if ('reference_ids' in chunk) return '';
      const kind = 'image_url' in chunk ? 'Images' : 'Documents';
      throw new AtelierError('invalid_request', {
        reason: `messages.${index}.content.${at}: ${kind} cannot be read by this model; /v1/ocr turns them into text`,
      });
    })
    .join('');
}

/** @throws AtelierError `message_order` */
function checkOrder(messages: readonly Message[]): void {
  const last = messages.at(-1)!;
  if (last.role === 'system' || (last.role === 'assistant' && !last.prefix))
    throw outOfOrder(
      `Expected last role User or Tool (or Assistant with prefix True) for serving but got ${last.role}`,
    );
  if (messages.length === 1 && last.role === 'assistant')
    throw outOfOrder('Expected a message before the assistant message with prefix True');
  if (messages.slice(0, -1).some((message) => message.role === 'assistant' && message.prefix))
    throw outOfOrder('Only the last message may be an assistant message with prefix True');
  let open: string[] | undefined;
  let calls = 0;
  for (const message of messages) {
    if (message.role === 'tool') {
      if (!open) throw outOfOrder(`Unexpected role 'tool' after role '${before(messages, message)}'`);
      open.push(message.tool_call_id ?? '');
      continue;
    }
    if (open && open.length !== calls) throw outOfOrder('Not the same number of function calls and responses');
    open = undefined;
    if (message.role === 'assistant' && message.tool_calls?.length) {
      open = [];
      calls = message.tool_calls.length;
    }
  }
  if (open && open.length !== calls) throw outOfOrder('Not the same number of function calls and responses');
}

function before(messages: readonly Message[], message: Message): string {
  return messages[messages.indexOf(message) - 1]?.role ?? 'nothing';
}
