import { hash } from 'node:crypto';
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import { choice } from './gbnf/grammar.ts';
import type { generateRequestSchema, generationSchema } from './generate-request.ts';
import { GrammarBuilder } from './structured/grammar-builder.ts';
import { checkedGbnf, formatGrammar, jsonFormat, type ResponseFormat } from './structured/response-format.ts';
import type { CallEventsOptions } from './tools/call-events.ts';
import { allowedTools, answerWithoutCall, callableTools, callsGrammar, type ToolChoice } from './tools/tool-choice.ts';
import { knowsTools, toolsAsText } from './tools/tools-as-text.ts';
import { toolFormatOf, visibleTokensOf, type ToolFormat } from './tools/tool-format.ts';

type Request = Omit<z.output<typeof generateRequestSchema>, 'model' | 'owner' | 'timeoutMs'>;
type Generation = z.output<typeof generationSchema>;
type Grammar = NonNullable<Generation['grammar']>;

export type OutputPlan = {
  generation: Generation;
  /** How to find calls of tools in the text, where there can be some. */
  calls?: CallEventsOptions;
};

/** Grammars made from schemas and tools; a server has a few that come with every request. */
const maxPlans = 128;

/** Says in grammars what requests say in schemas, tools and choices. */
export class OutputPlanner {
  /** By what they were made of, least recently used first. */
  readonly #grammars = new Map<string, Grammar | undefined>();

  /** Throws `unsupported_schema` and `invalid_request`. */
  plan(request: Request, chatTemplate: string | undefined): OutputPlan {
    const { responseFormat = { type: 'text' }, toolChoice, parallelToolCalls, ...generation } = request;
    const { input, grammar: given } = generation;
    if (given) {
      if (responseFormat.type !== 'text' || callsIn(input, toolChoice))
        throw invalid('a grammar cannot be combined with responseFormat or toolChoice');
      return { generation: { ...generation, grammar: { ...given, gbnf: checkedGbnf(given.gbnf) } } };
    }
    if (input.kind !== 'chat' || !toolChoice || !callsIn(input, toolChoice)) {
      const hidden = input.kind === 'chat' && toolChoice === 'none' ? { ...input, tools: undefined } : input;
      const shown = promptOf(hidden, chatTemplate);
      return {
        generation: this.#with({ ...generation, input: shown }, [responseFormat], () => gbnfOf(responseFormat)),
      };
    }
    const format = toolFormatOf(chatTemplate ?? '');
    const { tools = [] } = input;
    const made = this.#with(generation, [responseFormat, toolChoice, parallelToolCalls, tools, format.name], () =>
      callsOrAnswer(format, tools, toolChoice, parallelToolCalls, responseFormat),
    );
    const visibleTokens = [...new Set([...generation.visibleTokens, ...visibleTokensOf(format)])];
    return {
      generation: { ...made, input: promptOf(input, chatTemplate), visibleTokens },
      calls: { format, seed: generation.sampling.seed },
    };
  }

  #with(generation: Generation, from: unknown[], make: () => Grammar | undefined): Generation {
    const key = hash('sha256', JSON.stringify(from), 'base64');
    const grammar = this.#grammars.has(key) ? this.#grammars.get(key) : make();
    this.#grammars.delete(key);
    this.#grammars.set(key, grammar);
    if (this.#grammars.size > maxPlans) this.#grammars.delete(this.#grammars.keys().next().value!);
    return grammar ? { ...generation, grammar } : generation;
  }
}

/** Whether a request wants tools to be called. Throws `invalid_request` when it has none to call. */
function callsIn(input: Generation['input'], toolChoice: ToolChoice | undefined): boolean {
  if (toolChoice === undefined || toolChoice === 'none') return false;
  if (input.kind === 'chat' && input.tools?.length) return true;
  if (toolChoice === 'auto') return false;
  throw invalid('toolChoice: there are no tools to call');
}

/** What is shown to a model whose chat template knows no tools. */
export function promptOf(input: Generation['input'], chatTemplate: string | undefined): Generation['input'] {
  if (input.kind !== 'chat' || chatTemplate === undefined || knowsTools(chatTemplate)) return input;
  return { ...input, messages: toolsAsText(input.messages, input.tools ?? []), tools: undefined };
}

function gbnfOf(format: ResponseFormat): Grammar | undefined {
  const gbnf = formatGrammar(format);
  return gbnf === undefined ? undefined : { gbnf };
}

function callsOrAnswer(
  format: ToolFormat,
  tools: readonly unknown[],
  toolChoice: ToolChoice,
  parallel: boolean,
  responseFormat: ResponseFormat,
): Grammar {
  const allowed = allowedTools(callableTools(tools), toolChoice);
  const builder = new GrammarBuilder();
  if (toolChoice !== 'auto')
    return { gbnf: builder.print(callsGrammar(builder, format, allowed, { parallel }), 'tools') };
  if (responseFormat.type === 'gbnf') throw invalid('responseFormat: GBNF and tools cannot be combined');
  if (responseFormat.type === 'text' && format.lead === undefined) {
    // Free text until the mark of a call has come.
    const [mark] = [...format.open, ...format.call] as [string];
    const rest = callsGrammar(builder, format, allowed, { parallel, skip: 1 });
    return { gbnf: builder.print(rest, 'tools'), lazy: { triggers: [mark] } };
  }
  const answer = responseFormat.type === 'text' ? answerWithoutCall() : jsonFormat(builder, responseFormat);
  return { gbnf: builder.print(choice(answer, callsGrammar(builder, format, allowed, { parallel })), 'tools') };
}

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}
