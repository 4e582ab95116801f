import type { Readable } from 'node:stream';
import type { TurnEvent, TurnUsage } from '@atelier/agents';
import type { z } from 'zod';
import type { RunningTurn } from '../../../core/agents/conversations.ts';
import { eventStream, frame } from '../../../http/event-stream.ts';
import type { Connector } from '../schemas/agents.ts';
import type { ConversationEvent, conversationResponseSchema, usageSchema } from '../schemas/conversation-responses.ts';
import { wireEntry } from './entry.ts';
import { renderError } from './error.ts';

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
