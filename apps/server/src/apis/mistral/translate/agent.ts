import type { AgentTool, Settings } from '@atelier/agents';
import type { z } from 'zod';
import type { AgentDefinition, StoredAgent } from '../../../core/agents/agents.ts';
import { defaultTemperature } from '../../../core/agents/generate.ts';
import type { agentCreateSchema, agentSchema, agentUpdateSchema, CompletionArgs, WireTool } from '../schemas/agents.ts';
import { responseFormat } from './generation.ts';

export function newAgent(body: z.infer<typeof agentCreateSchema>): AgentDefinition {
  return {
    name: body.name,
    description: body.description ?? null,
    model: body.model,
    instructions: body.instructions ?? null,
    tools: (body.tools ?? []).map(agentTool),
    settings: settingsOf(body.completion_args),
    handoffs: body.handoffs ?? [],
  };
}

/** Only what is said. Where a field may be empty, null empties it. */
export function agentChange(body: z.infer<typeof agentUpdateSchema>): Partial<AgentDefinition> {
  const { name, model, description, instructions, tools, completion_args, handoffs } = body;
  return {
    ...(name != null && { name }),
    ...(model != null && { model }),
    ...(description !== undefined && { description }),
    ...(instructions !== undefined && { instructions }),
    ...(tools != null && { tools: tools.map(agentTool) }),
    ...(completion_args != null && { settings: settingsOf(completion_args) }),
    ...(handoffs !== undefined && { handoffs: handoffs ?? [] }),
  };
}

export function wireAgent(agent: StoredAgent): z.infer<typeof agentSchema> {
  return {
    object: 'agent',
    id: agent.id,
    version: agent.version,
    created_at: agent.created_at.toISOString(),
    updated_at: agent.updated_at.toISOString(),
    instructions: agent.instructions,
    tools: agent.tools.map(wireTool),
    completion_args: wireArgs(agent.settings),
    model: agent.model,
    name: agent.name,
    description: agent.description,
    handoffs: agent.handoffs.length === 0 ? null : agent.handoffs,
    versions: agent.versions,
    deployment_chat: false,
    source: 'api',
  };
}

export function agentTool(tool: WireTool): AgentTool {
  if (tool.type === 'function') {
    const { name, description, parameters, strict } = tool.function;
    return { kind: 'function', name, description, parameters, strict };
  }
  const { type, ...options } = tool;
  return { kind: 'built-in', name: type, options };
}

export function wireTool(tool: AgentTool): WireTool {
  if (tool.kind === 'built-in') return { type: tool.name, ...tool.options } as WireTool;
  const { name, description, parameters, strict } = tool;
  return { type: 'function', function: { name, description, parameters, strict } };
}

/** @throws AtelierError `invalid_request` when it says json_schema and brings none */
export function settingsOf(args: CompletionArgs | null | undefined): Settings {
  if (!args) return {};
  const { stop, temperature, top_p, max_tokens, random_seed, prediction, tool_choice } = args;
  const { presence_penalty, frequency_penalty, response_format } = args;
  return {
    ...(stop != null && { stop: [stop].flat() }),
    ...(temperature != null && { temperature }),
    ...(top_p != null && { topP: top_p }),
    ...(max_tokens != null && { maxTokens: max_tokens }),
    ...(random_seed != null && { seed: random_seed }),
    ...(presence_penalty != null && { presencePenalty: presence_penalty }),
    ...(frequency_penalty != null && { frequencyPenalty: frequency_penalty }),
    ...(prediction != null && { prediction: prediction.content }),
    ...(response_format != null && { responseFormat: formatOf(response_format) }),
    ...(tool_choice != null && { toolChoice: tool_choice }),
  };
}

type WireFormat = NonNullable<CompletionArgs['response_format']>;

function formatOf(format: WireFormat): NonNullable<Settings['responseFormat']> {
  const { type } = responseFormat(format);
  if (type !== 'json_schema') return { type: type as 'text' | 'json_object' };
  const { name, description, schema, strict } = format.json_schema!;
  return { type, name, schema, strict, ...(description != null && { description }) };
}

/** With what is used where nothing was said. */
export function wireArgs(settings: Settings): CompletionArgs {
  const { responseFormat: format } = settings;
  return {
    stop: settings.stop ?? null,
    presence_penalty: settings.presencePenalty ?? null,
    frequency_penalty: settings.frequencyPenalty ?? null,
    temperature: settings.temperature ?? defaultTemperature,
    top_p: settings.topP ?? null,
    max_tokens: settings.maxTokens ?? null,
    random_seed: settings.seed ?? null,
    prediction: settings.prediction === undefined ? null : { type: 'content', content: settings.prediction },
    response_format: format ? wireFormat(format) : null,
    tool_choice: settings.toolChoice ?? 'auto',
  };
}

function wireFormat(format: NonNullable<Settings['responseFormat']>): WireFormat {
  if (format.type !== 'json_schema') return { type: format.type };
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}
