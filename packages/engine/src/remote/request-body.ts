/** A generation in the words of another server. What it cannot honour is refused by name. */
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { remoteGenerateRequestSchema } from '../generate-request.ts';
import { flatSchema } from '../structured/response-format.ts';
import { allowedTools, callableTools } from '../tools/tool-choice.ts';
import { type Dialect, dialects, llamaServerSamplers, neutral, type SamplingField } from './dialects.ts';
import type { RemoteService } from './remote-service.ts';

export type RemoteGeneration = z.output<typeof remoteGenerateRequestSchema>;
export type Refuse = (field: string) => AtelierError;

/** Strings of OpenAI's API; the others have no such limit. */
const openAiStops = 4;

/** `lora` is llama-server's number of an adapter that the request names. Throws `invalid_request`. */
export function requestBody(
  service: RemoteService,
  request: RemoteGeneration,
  lora?: number,
): { path: string; body: object } {
  const dialect = dialects[service.kind];
  const refuse: Refuse = (field) => refusal(service, field);
  const { model, input, choices, logprobs, maxTokens, minTokens, stop, stopTokens } = request;
  if (minTokens > 0 && !dialect.minTokens) throw refuse('minTokens');
  if (stopTokens.length > 0 && !dialect.stopTokens) throw refuse('stopTokens');
  if (service.kind === 'openai' && stop.length > openAiStops) throw refuse(`stop: more than ${openAiStops} strings`);
  if (request.visibleTokens.length > 0) throw refuse('visibleTokens');
  if (request.reasoning === 'apart' && service.kind === 'openai' && input.kind !== 'chat') throw refuse('reasoning');
  const chat = input.kind === 'chat';
  const { path, ...prompt } = promptOf(request, dialect, refuse);
  const body = {
    model: model.adapter && dialect.adapters === 'model' ? model.adapter.name : model.model,
    stream: true,
    stream_options: { include_usage: true },
    ...prompt,
    ...samplingOf(request, service, refuse),
    ...formatOf(request, dialect, refuse),
    ...(chat && dialect.reasoning?.(request.reasoning)),
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(minTokens > 0 && { min_tokens: minTokens }),
    ...(stop.length > 0 && { stop }),
    ...(stopTokens.length > 0 && { stop_token_ids: stopTokens }),
    ...(choices > 1 && { n: choices }),
    ...(logprobs !== undefined && logprobsOf(chat, logprobs)),
    ...adapterOf(request, dialect, lora, refuse),
  };
  return { path, body };
}

export function refusal({ name, kind }: RemoteService, field: string): AtelierError {
  return new AtelierError('invalid_request', { reason: `${field}: the service ${name} (${kind}) cannot do this` });
}

function promptOf(
  { input, toolChoice, parallelToolCalls }: RemoteGeneration,
  dialect: Dialect,
  refuse: Refuse,
): { path: string } & Record<string, unknown> {
  switch (input.kind) {
    case 'text':
      return { path: '/completions', prompt: input.text };
    case 'tokens':
      return { path: '/completions', prompt: input.tokens };
    case 'fim':
      if (input.suffix !== '' && !dialect.suffix) throw refuse('input: filling in the middle');
      return { path: '/completions', prompt: input.prefix, ...(input.suffix !== '' && { suffix: input.suffix }) };
    case 'chat': {
      const { messages, tools = [], prefix } = input;
      if (prefix !== undefined && !dialect.prefix) throw refuse('input.prefix');
      const said = messages.map((message) => ({ ...message, weight: undefined }));
      return {
        path: '/chat/completions',
        messages: prefix === undefined ? said : [...said, { role: 'assistant', content: prefix }],
        ...(prefix !== undefined && dialect.prefix),
        ...(tools.length > 0 && toolsOf(tools, toolChoice, parallelToolCalls)),
      };
    }
  }
}

/** Without a choice the model is shown its tools and what it writes is text: other servers have no such thing but `none`. */
function toolsOf(tools: readonly unknown[], toolChoice: RemoteGeneration['toolChoice'] = 'none', parallel: boolean) {
  const callable = callableTools(tools);
  if (toolChoice !== 'none') allowedTools(callable, toolChoice);
  const choice =
    typeof toolChoice === 'object'
      ? { type: 'function', function: { name: toolChoice.name } }
      : toolChoice === 'any'
        ? 'required'
        : toolChoice;
  return {
    tools: callable.map((tool) => ({ type: 'function', function: tool })),
    tool_choice: choice,
    ...(!parallel && { parallel_tool_calls: false }),
  };
}

function samplingOf({ sampling }: RemoteGeneration, { kind }: RemoteService, refuse: Refuse): object {
  const { sampling: words } = dialects[kind];
  const fields = Object.keys({ ...neutral, ...words, ...sampling }) as SamplingField[];
  const said: object[] = fields.map((field) => {
    const value: unknown = sampling[field];
    const write = words[field] as ((value: unknown) => object) | undefined;
    if (write) return write(value);
    if (value !== undefined && value !== neutral[field]) throw refuse(`sampling.${field}`);
    return {};
  });
  if (kind !== 'llama-server') {
    for (const { token, bias } of sampling.logitBias) {
      if (typeof token === 'string') throw refuse('sampling.logitBias: a bias by text');
      if (Math.abs(bias) > 100) throw refuse('sampling.logitBias: a bias beyond 100');
    }
  }
  return Object.assign({}, ...said, kind === 'llama-server' ? llamaServerSamplers : {}) as object;
}

function formatOf({ responseFormat, grammar }: RemoteGeneration, dialect: Dialect, refuse: Refuse): object {
  if (grammar?.lazy) throw refuse('grammar.lazy');
  const gbnf = grammar?.gbnf ?? (responseFormat?.type === 'gbnf' ? responseFormat.grammar : undefined);
  if (gbnf !== undefined) {
    if (!dialect.grammar) throw refuse('grammar');
    if (grammar && responseFormat && responseFormat.type !== 'text')
      throw new AtelierError('invalid_request', { reason: 'a grammar cannot be combined with responseFormat' });
    return dialect.grammar(gbnf);
  }
  switch (responseFormat?.type) {
    case 'json_object':
      return { response_format: { type: 'json_object' } };
    case 'json_schema':
      return jsonSchema(responseFormat.schema);
    case 'flat':
      return jsonSchema(flatSchema(responseFormat.fields));
    default:
      return {};
  }
}

const jsonSchema = (schema: unknown) => ({
  response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } },
});

/** At least one alternative, since llama-server takes none to mean no log-probabilities; what was not asked for is cut later. */
function logprobsOf(chat: boolean, alternatives: number): object {
  const count = Math.max(1, alternatives);
  return chat ? { logprobs: true, top_logprobs: count } : { logprobs: count };
}

function adapterOf(
  { model: { adapter } }: RemoteGeneration,
  dialect: Dialect,
  lora: number | undefined,
  refuse: Refuse,
): object {
  // Unless it is told, llama-server goes on with the adapter of the request before, or with all it was started with.
  if (!adapter) return dialect.adapters === 'field' ? { lora: [{ id: 0, scale: 0 }] } : {};
  if (dialect.adapters === 'none') throw refuse('model.adapter');
  if (dialect.adapters === 'field') return { lora: [{ id: lora, scale: adapter.scale }] };
  if (adapter.scale !== 1) throw refuse('model.adapter.scale');
  return {};
}
