import type { ChatMessage, Tool } from '../records/message.ts';
import { RowProblem } from './row-problem.ts';

/**
 * The order of a conversation that can be learnt: a system message first or none, each tool call answered at once and
 * nothing else answered, an assistant's reply at the end, or its calls where `callsAtEnd` says so. `field` is what the row
 * calls its list of messages.
 */
export function requireOrder(
  messages: readonly ChatMessage[],
  tools: readonly Tool[] | undefined,
  field: string,
  { callsAtEnd = false }: { callsAtEnd?: boolean } = {},
): void {
  const functions = new Set(tools?.map((tool) => tool.function.name));
  const unanswered = new Set<string>();
  for (const [i, message] of messages.entries()) {
    const at = `${field}[${i}]`;
    if (message.role === 'system' && i > 0)
      throw new RowProblem(`${at}.role`, 'may be system only in the first message');
    if (message.role !== 'tool' && unanswered.size > 0)
      throw new RowProblem(`${at}.role`, 'must be tool: a call before it has no result yet');
    if (message.role !== 'assistant' && message.weight !== undefined)
      throw new RowProblem(`${at}.weight`, 'is for assistant messages only');
    if (message.role === 'tool') requireAnswer(message, unanswered, at);
    else if (message.tool_call_id !== undefined)
      throw new RowProblem(`${at}.tool_call_id`, 'is for tool messages only');
    else if (message.tool_calls !== undefined) requireCalls(message, functions, unanswered, at);
    else if (message.content.trim() === '') throw new RowProblem(`${at}.content`, 'must not be empty');
  }
  const last = messages.at(-1)!;
  if (last.role !== 'assistant')
    throw new RowProblem(`${field}[${messages.length - 1}].role`, 'must be assistant in the last message');
  if (last.tool_calls !== undefined && !callsAtEnd)
    throw new RowProblem(`${field}[${messages.length - 1}].tool_calls`, 'need their results and a reply after them');
  if (!messages.some(({ role, weight = 1 }) => role === 'assistant' && weight > 0)) {
    throw new RowProblem(field, 'must hold an assistant message with a weight above 0');
  }
}

function requireAnswer(message: ChatMessage, unanswered: Set<string>, at: string): void {
  if (message.tool_call_id === undefined) throw new RowProblem(`${at}.tool_call_id`, 'is missing');
  if (!unanswered.delete(message.tool_call_id))
    throw new RowProblem(`${at}.tool_call_id`, 'answers no open call of the message before it');
}

function requireCalls(message: ChatMessage, functions: ReadonlySet<string>, unanswered: Set<string>, at: string): void {
  if (message.role !== 'assistant') throw new RowProblem(`${at}.tool_calls`, 'are for assistant messages only');
  if (message.content !== '') throw new RowProblem(`${at}.content`, 'must be left out beside tool_calls');
  for (const [i, call] of message.tool_calls!.entries()) {
    const field = `${at}.tool_calls[${i}]`;
    if (unanswered.has(call.id)) throw new RowProblem(`${field}.id`, 'is the id of another call');
    if (!functions.has(call.function.name)) throw new RowProblem(`${field}.function.name`, 'is not defined in tools');
    if (!isJsonObject(call.function.arguments))
      throw new RowProblem(`${field}.function.arguments`, 'must be a JSON object');
    unanswered.add(call.id);
  }
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
