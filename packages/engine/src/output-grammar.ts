/** Grammars of what requests say in formats, tools and choices. */
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import { choice } from './gbnf/grammar.ts';
import type { grammarSchema } from './generate-request.ts';
import { GrammarBuilder } from './structured/grammar-builder.ts';
import { checkedGbnf, formatGrammar, jsonFormat, type ResponseFormat } from './structured/response-format.ts';
import { allowedTools, answerWithoutCall, callableTools, callsGrammar, type ToolChoice } from './tools/tool-choice.ts';
import { toolFormats } from './tools/tool-format.ts';

export type OutputGrammar = z.output<typeof grammarSchema>;

/** What a grammar is made from: plain data, which another thread can have. */
export type OutputForm =
  | { kind: 'format'; responseFormat: ResponseFormat }
  | { kind: 'gbnf'; grammar: OutputGrammar }
  | {
      kind: 'calls';
      /** The name of one of `toolFormats`. */
      family: string;
      tools: readonly unknown[];
      toolChoice: ToolChoice;
      parallel: boolean;
      responseFormat: ResponseFormat;
    };

/** Undefined where the text is free. Throws `unsupported_schema` and `invalid_request`. */
export function outputGrammar(form: OutputForm): OutputGrammar | undefined {
  if (form.kind === 'calls') return callsOrAnswer(form);
  if (form.kind === 'gbnf') return { ...form.grammar, gbnf: checkedGbnf(form.grammar.gbnf) };
  const gbnf = formatGrammar(form.responseFormat);
  return gbnf === undefined ? undefined : { gbnf };
}

function callsOrAnswer(form: Extract<OutputForm, { kind: 'calls' }>): OutputGrammar {
  const { tools, toolChoice, parallel, responseFormat } = form;
  const format = toolFormats.find(({ name }) => name === form.family)!;
  const allowed = allowedTools(callableTools(tools), toolChoice);
  const builder = new GrammarBuilder();
  if (toolChoice !== 'auto')
    return { gbnf: builder.print(callsGrammar(builder, format, allowed, { parallel }), 'tools') };
  if (responseFormat.type === 'gbnf')
    throw new AtelierError('invalid_request', { reason: 'responseFormat: GBNF and tools cannot be combined' });
  if (responseFormat.type === 'text' && format.lead === undefined) {
    // Free text until the mark of a call has come.
    const [mark] = [...format.open, ...format.call] as [string];
    const rest = callsGrammar(builder, format, allowed, { parallel, skip: 1 });
    return { gbnf: builder.print(rest, 'tools'), lazy: { triggers: [mark] } };
  }
  const answer = responseFormat.type === 'text' ? answerWithoutCall() : jsonFormat(builder, responseFormat);
  return { gbnf: builder.print(choice(answer, callsGrammar(builder, format, allowed, { parallel })), 'tools') };
}
