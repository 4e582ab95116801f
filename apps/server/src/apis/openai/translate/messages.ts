/** Messages of a request in the platform's words. */
import type { ChatMessage } from '@atelier/engine';
import { AtelierError } from '@atelier/errors';
import type { ContentPart, Message } from '../schemas/messages.ts';

/**
 * The conversation, and how the reply begins where its last message is the assistant's.
 * @throws AtelierError `invalid_request` for content that no model here can read, `message_order` for calls in the last message
 */
export function chatMessages(messages: readonly Message[]): { messages: ChatMessage[]; prefix?: string } {
  const turns = messages.map(chatMessage);
  const last = turns.at(-1)!;
  if (last.role !== 'assistant') return { messages: turns };
  if (last.tool_calls !== undefined)
    throw new AtelierError('message_order', {
      reason: 'The calls of the last message have to be followed by their results',
    });
  if (turns.length === 1)
    throw new AtelierError('message_order', { reason: 'The first message may not be the assistant' });
  return { messages: turns.slice(0, -1), prefix: last.content };
}

function chatMessage(message: Message, index: number): ChatMessage {
  const content = textOf(message.content ?? '', index);
  switch (message.role) {
    case 'assistant':
      return {
        role: 'assistant',
        content: content === '' ? (message.refusal ?? '') : content,
        ...(message.tool_calls?.length && { tool_calls: message.tool_calls }),
      };
    case 'tool':
      return { role: 'tool', content, tool_call_id: message.tool_call_id };
    default:
      return { role: message.role === 'user' ? 'user' : 'system', content };
  }
}

/** @throws AtelierError `invalid_request` for anything but text, naming where it is */
function textOf(content: string | readonly ContentPart[], index: number): string {
  if (typeof content === 'string') return content;
  return content
    .map((part, at) => {
      if (part.type === 'text') return part.text;
      if (part.type === 'refusal') return part.refusal;
      throw new AtelierError('invalid_request', {
        reason: `messages.${index}.content.${at}: models here read text, no ${part.type}`,
      });
    })
    .join('');
}
