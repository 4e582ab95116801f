import type { Tool } from '@atelier/data';
import { AtelierError } from '@atelier/errors';
import type { Agent } from './agent.ts';

/** A tool that runs here. */
export type ServerTool = {
  description: string;
  /** A JSON schema. */
  parameters: Record<string, unknown>;
  /** @param given JSON text. Throws an AtelierError, which the model and readers of the conversation get to read. */
  run: (
    given: string,
    options: Record<string, unknown>,
    signal: AbortSignal,
  ) => Promise<{ result: string; info: Record<string, unknown>; tokens: number }>;
};

/** What a call of an offered tool leads to. */
export type Offered =
  | { kind: 'function'; tool: Tool }
  | { kind: 'built-in'; tool: Tool; run: (given: string, signal: AbortSignal) => ReturnType<ServerTool['run']> }
  | { kind: 'handoff'; tool: Tool; next: Agent };

/**
 * Everything that an agent's model may call, by name: functions, built-in tools, and one tool for each agent that it may
 * hand over to.
 * @throws AtelierError `invalid_request` when two have one name, or a built-in tool is not known
 */
export function offeredTools(
  agent: Agent,
  targets: readonly Agent[],
  serverTools: ReadonlyMap<string, ServerTool>,
): Map<string, Offered> {
  const offered = new Map<string, Offered>();
  const offer = (entry: Offered) => {
    const { name } = entry.tool.function;
    if (offered.has(name)) throw new AtelierError('invalid_request', { reason: `Two tools have the name ${name}` });
    offered.set(name, entry);
  };
  for (const tool of agent.tools) {
    if (tool.kind === 'function') {
      const { name, description, parameters } = tool;
      offer({ kind: 'function', tool: definition(name, description, parameters) });
      continue;
    }
    const found = serverTools.get(tool.name);
    if (!found) throw new AtelierError('invalid_request', { reason: `There is no built-in tool ${tool.name}` });
    offer({
      kind: 'built-in',
      tool: definition(tool.name, found.description, found.parameters),
      run: (given, signal) => found.run(given, tool.options, signal),
    });
  }
  for (const next of targets) {
    const about = next.description ? `: ${next.description}` : '';
    offer({
      kind: 'handoff',
      next,
      tool: definition(
        freeName(offered, next.name),
        `Hand the conversation over to ${next.name}${about}`,
        noParameters,
      ),
    });
  }
  return offered;
}

const noParameters = { type: 'object', properties: {}, additionalProperties: false };

function definition(name: string, description: string, parameters: Record<string, unknown>): Tool {
  return { type: 'function', function: { name, description, parameters } };
}

/** Names of agents are free texts, those of tools are not. */
function freeName(taken: ReadonlyMap<string, unknown>, agent: string): string {
  const name = `hand_over_to_${agent.toLowerCase().replace(/[^a-z0-9]+/g, '_')}`.slice(0, 60);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}_${number}`;
    if (!taken.has(candidate)) return candidate;
  }
}
