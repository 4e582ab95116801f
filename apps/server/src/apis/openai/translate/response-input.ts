/** What a request for a response says, as items that can be kept, and as the generation that they ask for. */
import { randomBytes } from 'node:crypto';
import { AtelierError } from '@atelier/errors';
import type { Message } from '../schemas/messages.ts';
import type { InputContent, InputItem, KeptItem, ResponseRequest } from '../schemas/responses.ts';
import { type Generation, sampling } from './generation.ts';
import { chatMessages } from './messages.ts';

export function newItemId(prefix: 'resp' | 'msg' | 'fc' | 'fco' | 'rs'): string {
  return `${prefix}_${randomBytes(16).toString('hex')}`;
}

/** @throws AtelierError `invalid_request` for content that no model here can read */
export function keptItems(input: ResponseRequest['input']): KeptItem[] {
  const items: readonly InputItem[] = typeof input === 'string' ? [{ role: 'user', content: input }] : input;
  return items.flatMap((item, index) => keptItem(item, index) ?? []);
}

/** Nothing for reasoning of an earlier answer: models think anew. */
function keptItem(item: InputItem, index: number): KeptItem | undefined {
  const status = 'completed' as const;
  switch (item.type) {
    case 'function_call':
      return { ...item, id: newItemId('fc'), status };
    case 'function_call_output': {
      const { type, call_id, output } = item;
      return { id: newItemId('fco'), type, call_id, output: textOf(output, `input.${index}.output`), status };
    }
    case 'reasoning':
      return undefined;
    default: {
      const text = textOf(item.content, `input.${index}.content`);
      const common = { id: newItemId('msg'), type: 'message' as const, status };
      if (item.role !== 'assistant') return { ...common, role: item.role, content: [{ type: 'input_text', text }] };
      return {
        ...common,
        role: item.role,
        content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
      };
    }
  }
}

/** @throws AtelierError `invalid_request` */
function textOf(content: InputContent, path: string): string {
  if (typeof content === 'string') return content;
  return content
    .map((part, at) => {
      if ('text' in part) return part.text;
      if ('refusal' in part) return part.refusal;
      throw new AtelierError('invalid_request', { reason: `${path}.${at}: models here read text, no ${part.type}` });
    })
    .join('');
}

/** @throws AtelierError `invalid_request`, `message_order` */
export function responseGeneration(body: ResponseRequest, items: readonly KeptItem[]): Generation {
  const { tool_choice: choice, text } = body;
  const tools = (body.tools ?? []).map(({ type, ...called }) => ({ type, function: called }));
  const format = text?.format;
  return {
    input: { kind: 'chat', ...chatMessages(messagesOf(body.instructions, items)), ...(tools.length > 0 && { tools }) },
    ...(body.max_output_tokens && { maxTokens: body.max_output_tokens }),
    reasoning: 'apart',
    sampling: sampling(body),
    ...(wantsLogprobs(body) && { logprobs: body.top_logprobs ?? 0 }),
    ...((tools.length > 0 || choice === 'required' || typeof choice === 'object') && {
      toolChoice: typeof choice === 'object' && choice !== null ? { name: choice.name } : (choice ?? 'auto'),
      parallelToolCalls: body.parallel_tool_calls ?? true,
    }),
    ...(format && {
      responseFormat:
        format.type === 'json_schema' ? { type: format.type, schema: format.schema } : { type: format.type },
    }),
  };
}

export function wantsLogprobs({ include, top_logprobs }: ResponseRequest): boolean {
  return include?.includes('message.output_text.logprobs') === true || typeof top_logprobs === 'number';
}

/** Texts of the system at the start become one message, as templates know no more; calls go to the message before them. */
function messagesOf(instructions: string | null | undefined, items: readonly KeptItem[]): Message[] {
  const system: string[] = instructions ? [instructions] : [];
  const messages: Message[] = [];
  for (const item of items) {
    const last = messages.at(-1);
    if (item.type === 'message') {
      const content = item.content.map(({ text }) => text).join('');
      if (messages.length === 0 && (item.role === 'system' || item.role === 'developer')) system.push(content);
      else messages.push({ role: item.role, content });
    } else if (item.type === 'function_call') {
      const call = {
        id: item.call_id,
        type: 'function' as const,
        function: { name: item.name, arguments: item.arguments },
      };
      if (last?.role === 'assistant') last.tool_calls = [...(last.tool_calls ?? []), call];
      else messages.push({ role: 'assistant', content: null, tool_calls: [call] });
    } else if (item.type === 'function_call_output') {
      messages.push({ role: 'tool', tool_call_id: item.call_id, content: item.output });
    }
  }
  return system.length === 0 ? messages : [{ role: 'system', content: system.join('\n\n') }, ...messages];
}
