/** What a request may say about tools, and the grammar that follows from it. */
import { AtelierError } from '@atelier/errors';
import { z } from 'zod';
import { charsOf, complement, charSet, union } from '../gbnf/char-ranges.ts';
import { chars, choice, optional, repeat, rule, sequence, text, type Expression } from '../gbnf/grammar.ts';
import type { GrammarBuilder } from '../structured/grammar-builder.ts';
import { SchemaGrammar } from '../structured/schema-grammar.ts';
import { openSchema, type SchemaNode } from '../structured/schema-node.ts';
import { ParameterGrammar } from './parameter-grammar.ts';
import type { Part, ToolFormat } from './tool-format.ts';

/**
 * `none`: tools are not shown to the model. `auto`: it may answer or call. `required` (also known as `any`): it calls at
 * least one. A name: it calls that one.
 */
export const toolChoiceSchema = z.union([
  z.enum(['none', 'auto', 'any', 'required']),
  z.strictObject({ name: z.string().min(1).max(256) }),
]);
export type ToolChoice = z.output<typeof toolChoiceSchema>;

/** `parameters` is a JSON schema; without one, the tool takes none. */
export type CallableTool = { readonly name: string; readonly parameters?: unknown };

const functionSchema = z.object({ name: z.string(), parameters: z.unknown().optional() });
const toolSchema = z.union([z.object({ function: functionSchema }).transform((tool) => tool.function), functionSchema]);

/** What stands around names in the formats; a name with it could not be told from what follows. */
const nameSchema = /^[^\s\p{Cc}"'\\[\]{}<>]{1,256}$/u;

/** Tools in the form of OpenAI's API. Throws `invalid_request`. */
export function callableTools(tools: readonly unknown[]): CallableTool[] {
  const read = tools.map((tool, index): CallableTool => {
    const found = toolSchema.safeParse(tool);
    if (!found.success) throw invalid(`tools.${index}: a function with a name expected`);
    if (!nameSchema.test(found.data.name))
      throw invalid(`tools.${index}: a name has up to 256 characters, and no spaces, quotes or brackets`);
    return found.data;
  });
  const names = new Set(read.map(({ name }) => name));
  if (names.size < read.length) throw invalid('tools: two have the same name');
  return read;
}

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}

/** The tools that a choice allows. Throws `invalid_request` when there are none. */
export function allowedTools(tools: readonly CallableTool[], toolChoice: ToolChoice): CallableTool[] {
  const allowed = typeof toolChoice === 'string' ? [...tools] : tools.filter(({ name }) => name === toolChoice.name);
  if (allowed.length === 0 && toolChoice !== 'auto') throw invalid('toolChoice: there is no such tool');
  return allowed;
}

/** Calls of these tools; `skip` leaves out the first parts, which have come before the grammar begins. */
export function callsGrammar(
  builder: GrammarBuilder,
  format: ToolFormat,
  tools: readonly CallableTool[],
  { parallel, skip = 0 }: { parallel: boolean; skip?: number },
): Expression {
  const write = callWriter(builder, tools);
  const first = [...format.open, ...format.call].slice(skip);
  const more = parallel ? repeat(builder.define(write([...format.between, ...format.call])), 0) : sequence();
  const lead = skip === 0 && format.lead !== undefined ? optional(text(format.lead)) : sequence();
  return sequence(lead, write(first), more, write(format.close));
}

/** Turns parts of a format into an expression; from the name on, each tool goes its own way. */
function callWriter(builder: GrammarBuilder, tools: readonly CallableTool[]): (parts: readonly Part[]) => Expression {
  const schemas = new SchemaGrammar(builder);
  const plainArguments = tools.map((tool, index) => () => schemas.value(parametersOf(tool, index)));
  const elements = new ParameterGrammar(builder, schemas);
  const elementsOf = tools.map((tool, index) => () => elements.of(parametersOf(tool, index)));
  const idCharacter = chars(
    charSet([
      [0x30, 0x39],
      [0x41, 0x5a],
      [0x61, 0x7a],
    ]),
  );
  const plain = (part: Part): Expression => {
    if (typeof part === 'string') return text(part);
    return part.is === 'id' ? repeat(idCharacter, 9, 9) : rule('space');
  };
  return (parts) => {
    const from = parts.findIndex((part) => typeof part !== 'string' && part.is === 'name');
    const to = parts.findIndex((part) => typeof part !== 'string' && /^(arguments|parameters)$/.test(part.is));
    if (from < 0) return sequence(...parts.map(plain));
    const { is } = parts[to] as Exclude<Part, string>;
    const argumentsOf = is === 'parameters' ? elementsOf : plainArguments;
    const calls = tools.map(({ name }, index) =>
      sequence(text(name), ...parts.slice(from + 1, to).map(plain), argumentsOf[index]!()),
    );
    return sequence(...parts.slice(0, from).map(plain), choice(...calls), ...parts.slice(to + 1).map(plain));
  };
}

const anyObject = { type: 'object' };
const noParameters = { type: 'object', additionalProperties: false };

export function parametersOf({ parameters = noParameters }: CallableTool, index: number): SchemaNode[] {
  const node = openSchema(parameters, `tools/${index}/parameters`);
  return [node, { ...node, schema: anyObject }];
}

/** Any text that begins no call of a format without marks, or none. */
export function answerWithoutCall(): Expression {
  const anything = chars(complement([]));
  return optional(sequence(chars(complement(union(charsOf('{ \t\r\n')))), repeat(anything, 0)));
}
