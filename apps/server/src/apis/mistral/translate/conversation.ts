import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { Conversation, NewConversation, TurnRequest } from '../../../core/agents/conversations.ts';
import type { AppendRequest, conversationSchema, startSchema } from '../schemas/conversations.ts';
import type { InputContent, WireInputs } from '../schemas/entries.ts';
import { agentTool, settingsOf, wireArgs, wireTool } from './agent.ts';

/** @throws AtelierError `invalid_request` unless it names either an agent or a model, which has what agents bring themselves */
export function newConversation(body: z.infer<typeof startSchema>): NewConversation {
  const { agent_id, model, instructions, tools, completion_args, name, description } = body;
  const common = { name: name ?? null, description: description ?? null, settings: settingsOf(completion_args) };
  if ((agent_id == null) === (model == null)) throw invalid('Give either a model or an agent_id');
  if (agent_id == null)
    return { ...common, model: model!, instructions: instructions ?? null, tools: (tools ?? []).map(agentTool) };
  if (instructions || tools?.length) throw invalid('An agent brings its own instructions and tools');
  return { ...common, agentId: agent_id };
}

type Asked = Pick<AppendRequest, 'inputs'> & {
  [K in 'store' | 'handoff_execution']?: AppendRequest[K] | null | undefined;
} & {
  completion_args?: AppendRequest['completion_args'];
};

/** @throws AtelierError `invalid_request` for content that no model here can read */
export function turnRequest({ inputs, store, handoff_execution, completion_args }: Asked): TurnRequest {
  return {
    inputs: inputsOf(inputs),
    overrides: settingsOf(completion_args),
    handoffs: handoff_execution ?? 'server',
    store: store ?? true,
  };
}

function inputsOf(inputs: WireInputs): TurnRequest['inputs'] {
  if (typeof inputs === 'string') return [{ role: 'user', content: inputs }];
  return inputs.map((entry, index) =>
    entry.type === 'function.result'
      ? { callId: entry.tool_call_id, result: entry.result }
      : { role: entry.role, content: textOf(entry.content, index) },
  );
}

function textOf(content: InputContent, index: number): string {
  if (typeof content === 'string') return content;
  return content
    .map((chunk, at) => {
      if (chunk.type === 'text') return chunk.text;
      throw invalid(`inputs.${index}.content.${at}: ${chunk.type} cannot be read by this model`);
    })
    .join('');
}

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}

export function wireConversation(conversation: Conversation): z.infer<typeof conversationSchema> {
  const { id, name, description, agent_id, model, instructions, tools, settings } = conversation;
  const common = {
    object: 'conversation' as const,
    id,
    name,
    description,
    created_at: conversation.created_at.toISOString(),
    updated_at: conversation.updated_at.toISOString(),
  };
  if (agent_id !== null) return { ...common, agent_id };
  return { ...common, model: model!, instructions, tools: tools.map(wireTool), completion_args: wireArgs(settings) };
}
