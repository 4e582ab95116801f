import type { ChatMessage } from '@atelier/data';

/** Whether a chat template prints tools, and not only messages. */
export function knowsTools(chatTemplate: string): boolean {
  return /\btools\b/.test(chatTemplate);
}

/**
 * A conversation for a chat template that knows no tools: the first message begins with what they are, and calls and their
 * results are text, in the form that `toolFormatOf` gives for such templates.
 */
export function toolsAsText(messages: readonly ChatMessage[], tools: readonly unknown[]): ChatMessage[] {
  const told = messages.map(messageAsText);
  const first = told[0];
  if (tools.length === 0 || !first) return told;
  const lines = [
    'You can call these functions:',
    ...tools.map((tool) => JSON.stringify((tool as { function?: unknown } | null)?.function ?? tool)),
    'To call one, answer with <tool_call>{"name": its name, "arguments": an object}</tool_call> and nothing else.',
  ];
  return [{ ...first, content: `${lines.join('\n')}\n\n${first.content}` }, ...told.slice(1)];
}

function messageAsText(message: ChatMessage): ChatMessage {
  const { tool_calls: calls, tool_call_id: _id, ...rest } = message;
  if (rest.role === 'tool')
    return { ...rest, role: 'user', content: `<tool_response>\n${rest.content}\n</tool_response>` };
  if (!calls) return rest;
  const texts = calls.map(
    ({ function: { name, arguments: given } }) =>
      `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${given}}\n</tool_call>`,
  );
  return { ...rest, content: [rest.content, ...texts].filter((text) => text !== '').join('\n') };
}
