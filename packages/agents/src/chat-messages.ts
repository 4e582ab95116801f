import type { ChatMessage } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { Entry } from './entry.ts';

type Call = NonNullable<ChatMessage['tool_calls']>[number];

/**
 * A conversation as a model reads it. What a tool or a handoff did is a call with its result, so that an assistant's turn
 * is always answered.
 * @throws AtelierError `message_order` when calls and results do not belong together, or there is nothing to answer
 */
export function chatMessages(instructions: string | null, entries: readonly Entry[]): ChatMessage[] {
  const messages: ChatMessage[] = instructions ? [{ role: 'system', content: instructions }] : [];
  const open = new Map<string, string>();

  for (const entry of entries) {
    if (entry.kind !== 'call' && entry.kind !== 'result' && open.size > 0) throw outOfOrder(unanswered);
    switch (entry.kind) {
      case 'input':
        messages.push({ role: entry.role, content: entry.content });
        break;
      case 'output':
        messages.push({ role: 'assistant', content: entry.content });
        break;
      case 'call':
        open.set(entry.callId, entry.name);
        addCall(messages, entry);
        break;
      case 'result': {
        const name = open.get(entry.callId);
        if (name === undefined) throw outOfOrder('A function result answers no open function call');
        open.delete(entry.callId);
        messages.push({ role: 'tool', content: entry.result, tool_call_id: entry.callId, name });
        break;
      }
      case 'execution':
        addCall(messages, entry);
        messages.push({ role: 'tool', content: entry.result, tool_call_id: entry.callId, name: entry.name });
        break;
      case 'handoff':
        addCall(messages, { ...entry, arguments: '{}' });
        messages.push({
          role: 'tool',
          content: `The conversation goes on with ${entry.nextAgentName}.`,
          tool_call_id: entry.callId,
          name: entry.name,
        });
        break;
    }
  }
  if (open.size > 0) throw outOfOrder(unanswered);
  const last = messages.at(-1)?.role;
  if (last !== 'user' && last !== 'tool')
    throw outOfOrder(
      `Expected a message of the user or a function result to answer, but the last is ${last ?? 'none'}`,
    );
  return messages;
}

const unanswered = 'Not the same number of function calls and responses';
const outOfOrder = (reason: string): AtelierError => new AtelierError('message_order', { reason });

/** Calls of one generation, and the text before them, are one message. */
function addCall(messages: ChatMessage[], { callId, name, arguments: given }: Omit<CallLike, 'kind'>): void {
  const call: Call = { id: callId, type: 'function', function: { name, arguments: given } };
  const last = messages.at(-1);
  if (last?.role === 'assistant') last.tool_calls = [...(last.tool_calls ?? []), call];
  else messages.push({ role: 'assistant', content: '', tool_calls: [call] });
}

type CallLike = { kind: string; callId: string; name: string; arguments: string };
