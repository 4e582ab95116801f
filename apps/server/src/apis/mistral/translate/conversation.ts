import type { Readable } from 'node:stream';
import type { Entry, TurnEvent, TurnUsage } from '@atelier/agents';
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { Conversation, NewConversation, RunningTurn, TurnRequest } from '../../../core/agents/conversations.ts';
import { eventStream, frame } from '../../../http/event-stream.ts';
import type { Connector } from '../schemas/agents.ts';
import type {
  AppendRequest,
  ConversationEvent,
  conversationResponseSchema,
  conversationSchema,
  InputContent,
  startSchema,
  usageSchema,
  WireEntry,
  WireInputs,
} from '../schemas/conversations.ts';
import { agentTool, settingsOf, wireArgs, wireTool } from './agent.ts';
import { renderError } from './error.ts';

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

export function wireEntry<E extends Entry>(entry: E): Extract<WireEntry, { type: WireTypes[E['kind']] }>;
export function wireEntry(entry: Entry): WireEntry {
  const common = {
    object: 'entry' as const,
    id: entry.id,
    created_at: entry.createdAt.toISOString(),
    completed_at: entry.completedAt?.toISOString() ?? null,
  };
  switch (entry.kind) {
    case 'input':
      return { ...common, type: 'message.input', role: entry.role, content: entry.content, prefix: false };
    case 'output': {
      const { agentId: agent_id, model, content } = entry;
      return { ...common, type: 'message.output', role: 'assistant', agent_id, model, content };
    }
    case 'call': {
      const { callId, name, arguments: given } = entry;
      return { ...common, type: 'function.call', tool_call_id: callId, name, arguments: given };
    }
    case 'result':
      return { ...common, type: 'function.result', tool_call_id: entry.callId, result: entry.result };
    case 'execution': {
      const { name, arguments: given, info } = entry;
      return { ...common, type: 'tool.execution', name: name as Connector, arguments: given, info };
    }
    case 'handoff':
      return {
        ...common,
        type: 'agent.handoff',
        previous_agent_id: entry.previousAgentId,
        previous_agent_name: entry.previousAgentName,
        next_agent_id: entry.nextAgentId,
        next_agent_name: entry.nextAgentName,
      };
  }
}

type WireTypes = {
  input: 'message.input';
  output: 'message.output';
  call: 'function.call';
  result: 'function.result';
  execution: 'tool.execution';
  handoff: 'agent.handoff';
};

function wireUsage({ promptTokens, completionTokens, toolTokens, toolRuns }: TurnUsage): z.infer<typeof usageSchema> {
  const ran = Object.keys(toolRuns).length > 0;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens + toolTokens,
    connector_tokens: ran ? toolTokens : null,
    connectors: ran ? toolRuns : null,
  };
}

/** A turn to its end. */
export async function conversationResponse({
  conversationId,
  events,
}: RunningTurn): Promise<z.infer<typeof conversationResponseSchema>> {
  const outputs: z.infer<typeof conversationResponseSchema>['outputs'] = [];
  let usage: TurnUsage | undefined;
  for await (const event of events) {
    if (event.type === 'end') outputs.push(wireEntry(event.entry));
    if (event.type === 'done') usage = event.usage;
  }
  return {
    object: 'conversation.response',
    conversation_id: conversationId,
    outputs,
    usage: wireUsage(usage!),
  };
}

/** A turn as server-sent events, whose names are the types of their data. The first event decides between error and stream. */
export async function conversationStream({ conversationId, events }: RunningTurn): Promise<Readable> {
  const first = await events.next();
  let begun = false;
  function* frames(event: TurnEvent): Iterable<string> {
    if (!begun) {
      begun = true;
      yield named({ type: 'conversation.response.started', created_at: now(), conversation_id: conversationId });
    }
    for (const data of wireEvents(event)) yield named(data);
  }
  return eventStream({
    first,
    rest: events,
    frames,
    error: (error) => {
      const { status } = renderError(error);
      return named({ type: 'conversation.response.error', created_at: now(), message: error.message, code: status });
    },
  });
}

const now = (): string => new Date().toISOString();
const named = (data: ConversationEvent): string => frame(data, data.type);

function wireEvents(event: TurnEvent): ConversationEvent[] {
  if (event.type === 'done')
    return [{ type: 'conversation.response.done', created_at: now(), usage: wireUsage(event.usage) }];
  const { entry } = event;
  const common = { created_at: now(), output_index: event.index, id: entry.id };
  switch (entry.kind) {
    case 'output': {
      if (event.type === 'end') return [];
      const { agentId: agent_id, model } = entry;
      const content = event.type === 'delta' ? event.text : '';
      return [
        { ...common, type: 'message.output.delta', content_index: 0, model, agent_id, role: 'assistant', content },
      ];
    }
    case 'call': {
      if (event.type === 'end') return [];
      const given = event.type === 'delta' ? event.text : '';
      const { name, callId: tool_call_id } = entry;
      return [{ ...common, type: 'function.call.delta', name, tool_call_id, arguments: given }];
    }
    case 'execution': {
      const name = entry.name as Connector;
      if (event.type === 'end') return [{ ...common, type: 'tool.execution.done', name, info: entry.info }];
      return [{ ...common, type: 'tool.execution.started', name, arguments: entry.arguments }];
    }
    case 'handoff': {
      if (event.type === 'end') {
        const { nextAgentId: next_agent_id, nextAgentName: next_agent_name } = entry;
        return [{ ...common, type: 'agent.handoff.done', next_agent_id, next_agent_name }];
      }
      const { previousAgentId: previous_agent_id, previousAgentName: previous_agent_name } = entry;
      return [{ ...common, type: 'agent.handoff.started', previous_agent_id, previous_agent_name }];
    }
  }
}
