import type { z } from 'zod';
import type { StoredAgent } from '../../../core/agents/agents.ts';
import type { agentsRequestSchema, ChatRequest } from '../schemas/completions.ts';
import { wireArgs, wireTool } from './agent.ts';

/**
 * A chat request with what the agent has and the request does not say: its model, its instructions before the messages, its
 * functions before the request's. Handoffs and built-in tools need a conversation and are not offered.
 */
export function agentsChat(agent: StoredAgent, body: z.infer<typeof agentsRequestSchema>): ChatRequest {
  const args = wireArgs(agent.settings);
  const stop = body.stop ?? args.stop;
  const format = body.response_format ?? args.response_format;
  const functions = agent.tools.map(wireTool).filter((tool) => tool.type === 'function');
  return {
    model: agent.model,
    messages: agent.instructions ? [{ role: 'system', content: agent.instructions }, ...body.messages] : body.messages,
    tools: [...functions, ...(body.tools ?? [])],
    tool_choice: body.tool_choice ?? args.tool_choice ?? 'auto',
    parallel_tool_calls: body.parallel_tool_calls,
    temperature: args.temperature,
    top_p: args.top_p ?? 1,
    max_tokens: body.max_tokens ?? args.max_tokens,
    random_seed: body.random_seed ?? args.random_seed,
    presence_penalty: body.presence_penalty ?? args.presence_penalty ?? 0,
    frequency_penalty: body.frequency_penalty ?? args.frequency_penalty ?? 0,
    n: body.n,
    stream: body.stream,
    safe_prompt: false,
    ...(stop && { stop }),
    ...(format && { response_format: format }),
  };
}
