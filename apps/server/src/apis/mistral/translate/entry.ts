import type { Entry } from '@atelier/agents';
import type { Connector } from '../schemas/agents.ts';
import type { WireEntry } from '../schemas/entries.ts';

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
