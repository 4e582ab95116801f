import { hash } from 'node:crypto';
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import type { generateRequestSchema, generationSchema } from './generate-request.ts';
import { GrammarMaker } from './grammar-maker.ts';
import type { OutputForm, OutputGrammar } from './output-grammar.ts';
import type { CallEventsOptions } from './tools/call-events.ts';
import type { ToolChoice } from './tools/tool-choice.ts';
import { knowsTools, toolsAsText } from './tools/tools-as-text.ts';
import { parameterMeanings } from './tools/parameter-values.ts';
import { hasParameters, toolFormatOf, visibleTokensOf } from './tools/tool-format.ts';

type Request = Omit<z.output<typeof generateRequestSchema>, 'model' | 'owner' | 'timeoutMs'>;
type Generation = z.output<typeof generationSchema>;

export type OutputPlan = {
  generation: Generation;
  /** How to find calls of tools in the text, where there can be some. */
  calls?: CallEventsOptions;
};

/** Grammars made from schemas and tools; a server has a few that come with every request. */
const maxPlans = 128;

/** Says in grammars what requests say in schemas, tools and choices. */
export class OutputPlanner implements AsyncDisposable {
  readonly #maker = new GrammarMaker();
  /** By what they were made of, least recently used first. */
  readonly #grammars = new Map<string, Promise<OutputGrammar | undefined>>();

  /** Throws `unsupported_schema` and `invalid_request`. */
  async plan(request: Request, chatTemplate: string | undefined): Promise<OutputPlan> {
    const { responseFormat = { type: 'text' }, toolChoice, parallelToolCalls: parallel, ...generation } = request;
    const { input, grammar: given } = generation;
    if (given) {
      if (responseFormat.type !== 'text' || callsIn(input, toolChoice))
        throw invalid('a grammar cannot be combined with responseFormat or toolChoice');
      return { generation: await this.#with(generation, { kind: 'gbnf', grammar: given }) };
    }
    if (input.kind !== 'chat' || !toolChoice || !callsIn(input, toolChoice)) {
      const hidden = input.kind === 'chat' && toolChoice === 'none' ? { ...input, tools: undefined } : input;
      const shown = { ...generation, input: promptOf(hidden, chatTemplate) };
      if (responseFormat.type === 'text') return { generation: shown };
      return { generation: await this.#with(shown, { kind: 'format', responseFormat }) };
    }
    const format = toolFormatOf(chatTemplate ?? '');
    const { tools = [] } = input;
    const { name: family } = format;
    const made = await this.#with(generation, { kind: 'calls', family, tools, toolChoice, parallel, responseFormat });
    const visibleTokens = [...new Set([...generation.visibleTokens, ...visibleTokensOf(format)])];
    return {
      generation: { ...made, input: promptOf(input, chatTemplate), visibleTokens },
      calls: {
        format,
        seed: generation.sampling.seed,
        ...(hasParameters(format) && { meanings: parameterMeanings(tools) }),
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#maker[Symbol.asyncDispose]();
  }

  async #with(generation: Generation, form: OutputForm): Promise<Generation> {
    const key = hash('sha256', JSON.stringify(form), 'base64');
    const making = this.#grammars.get(key) ?? this.#maker.make(form);
    this.#grammars.delete(key);
    this.#grammars.set(key, making);
    // What failed may not fail again: a thread was ended, perhaps.
    making.catch(() => this.#grammars.get(key) === making && this.#grammars.delete(key));
    if (this.#grammars.size > maxPlans) this.#grammars.delete(this.#grammars.keys().next().value!);
    const grammar = await making;
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

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}
