/** Tools that models may call and that run on this server. */
import { type AgentTool, offeredTools, type ServerTool } from '@atelier/agents';
import { AtelierError } from '@atelier/errors';

/** One parameter, a text. */
const text = (name: string, description: string) => ({
  type: 'object',
  properties: { [name]: { type: 'string', description } },
  required: [name],
  additionalProperties: false,
});

const described: Record<string, Pick<ServerTool, 'description' | 'parameters'>> = {
  web_search: { description: 'Search the web', parameters: text('query', 'What to search for') },
  web_search_premium: {
    description: 'Search the web and news agencies',
    parameters: text('query', 'What to search for'),
  },
  code_interpreter: { description: 'Run Python code and read what it prints', parameters: text('code', 'The code') },
  image_generation: { description: 'Make an image', parameters: text('prompt', 'What the image shows') },
  document_library: {
    description: 'Search the documents of the libraries',
    parameters: text('query', 'What to search for'),
  },
};

/** None of them runs on this server: agents may have them, and a call of one fails where the model and readers see it. */
export const builtInTools: ReadonlyMap<string, ServerTool> = new Map(
  Object.entries(described).map(([name, tool]) => [
    name,
    { ...tool, run: () => Promise.reject(new AtelierError('tool_unavailable', { name })) },
  ]),
);

/** @throws AtelierError `invalid_request` when two have one name, or one is not known */
export function checkTools(tools: readonly AgentTool[]): void {
  const nobody = { id: null, name: '', description: null, model: '', instructions: null, settings: {}, handoffs: [] };
  offeredTools({ ...nobody, tools }, [], builtInTools);
}
