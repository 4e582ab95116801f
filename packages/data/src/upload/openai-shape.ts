/**
 * The forms of OpenAI's fine-tuning files: conversations, and answers compared. Beside those of `conversation-shape.ts`,
 * texts may come in parts, `developer` is another word for `system`, and a conversation may end with calls of tools.
 */
import { z } from 'zod';
import { conversationShape } from './conversation-shape.ts';
import { maxMessages } from './limits.ts';
import { RowProblem } from './row-problem.ts';
import { parseRow, type Shape } from './shape.ts';

const conversation = conversationShape({
  roles: ['system', 'user', 'assistant', 'tool'],
  tools: { callId: /^[^\s\p{Cc}]{1,256}$/u, callIdDescription: 'up to 256 characters without spaces' },
  callsAtEnd: true,
});

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });
const looseMessage = z.looseObject({
  role: z.string(),
  content: z
    .union([z.string(), z.array(textPart).max(maxMessages)], 'must be a text or a list of parts of type text')
    .nullish(),
});
const looseRow = z.looseObject({
  messages: z.array(looseMessage).min(1).max(maxMessages),
  parallel_tool_calls: z.boolean().nullish(),
});

export const openaiConversationShape: Shape = {
  marks: ['messages'],
  description: 'messages',
  convert: (row) => conversation.convert(plain(parseRow(looseRow, row))),
};

/** Whether calls may be made side by side is no part of what is learnt. */
function plain(row: z.infer<typeof looseRow>): object {
  const { parallel_tool_calls: _ignored, ...rest } = row;
  return { ...rest, messages: row.messages.map(plainMessage) };
}

function plainMessage({ role, content, ...rest }: z.infer<typeof looseMessage>): object {
  const text = Array.isArray(content) ? content.map((part) => part.text).join('') : content;
  return { ...rest, role: role === 'developer' ? 'system' : role, content: text };
}

const answer = z.array(looseMessage).length(1, 'must hold one message');
const compared = z.strictObject({
  input: looseRow,
  preferred_output: answer,
  non_preferred_output: answer,
});

/** Two answers to the messages of `input`. */
export const comparedShape: Shape = {
  marks: ['preferred_output', 'non_preferred_output'],
  description: 'input, preferred_output and non_preferred_output',
  convert(row) {
    const { input, preferred_output: better, non_preferred_output: worse } = parseRow(compared, row);
    const { messages, tools = [], ...rest } = plain(input) as { messages: object[]; tools?: unknown };
    if (Array.isArray(tools) ? tools.length > 0 : tools !== null)
      throw new RowProblem('input.tools', 'cannot be learnt from comparisons');
    if (Object.keys(rest).length > 0) throw new RowProblem('input', 'may hold messages only');
    const whole = (output: z.infer<typeof answer>, field: string) => {
      const [message] = output.map(plainMessage);
      if ('tool_calls' in message!) throw new RowProblem(`${field}[0].tool_calls`, 'cannot be compared');
      const record = conversation.convert({ messages: [...messages, message] });
      return record.kind === 'conversation' ? record.messages : [];
    };
    const chosen = whole(better, 'preferred_output');
    const rejected = whole(worse, 'non_preferred_output');
    return {
      kind: 'preference',
      messages: chosen.slice(0, -1),
      chosen: chosen.at(-1)!.content,
      rejected: rejected.at(-1)!.content,
    };
  },
};
