/** What a request may ask of its text's form. */
import { AtelierError } from '@atelier/errors';
import { z } from 'zod';
import { checkGrammar } from '../gbnf/check-grammar.ts';
import { rule, type Expression } from '../gbnf/grammar.ts';
import { parseGrammar } from '../gbnf/parse-grammar.ts';
import { printGrammar } from '../gbnf/print-grammar.ts';
import { maxGrammarLength } from '../limits.ts';
import { GrammarBuilder } from './grammar-builder.ts';
import { SchemaGrammar } from './schema-grammar.ts';
import { openSchema } from './schema-node.ts';

const flatTypes = { str: 'string', int: 'integer', float: 'number', bool: 'boolean' } as const;

const flatFieldSchema = z.union([
  z.enum(Object.keys(flatTypes) as (keyof typeof flatTypes)[]),
  /** One of these values. */
  z
    .array(z.union([z.string(), z.number()]))
    .min(1)
    .max(10_000),
]);

export const responseFormatSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  /** Values that are valid for a JSON schema. */
  z.strictObject({ type: z.literal('json_schema'), schema: z.unknown() }),
  /** An object of these fields, all of them, in this order. */
  z.strictObject({ type: z.literal('flat'), fields: z.record(z.string(), flatFieldSchema) }),
  z.strictObject({ type: z.literal('gbnf'), grammar: z.string().min(1).max(maxGrammarLength) }),
]);
export type ResponseFormat = z.output<typeof responseFormatSchema>;
export type JsonFormat = Exclude<ResponseFormat, { type: 'text' | 'gbnf' }>;

/** The grammar of a format in GBNF; undefined for text. Throws `unsupported_schema`, and `invalid_request` for GBNF with errors. */
export function formatGrammar(format: ResponseFormat): string | undefined {
  if (format.type === 'text') return undefined;
  if (format.type === 'gbnf') return checkedGbnf(format.grammar);
  const builder = new GrammarBuilder();
  return builder.print(jsonFormat(builder, format), documentName(format));
}

/** What a text of a JSON format has to be, in rules of `builder`. Throws `unsupported_schema`. */
export function jsonFormat(builder: GrammarBuilder, format: JsonFormat): Expression {
  if (format.type === 'json_object') return rule('object');
  const schema = format.type === 'flat' ? flatSchema(format.fields) : format.schema;
  return new SchemaGrammar(builder).value([openSchema(schema, documentName(format))]);
}

/** What messages call the schema of a format. */
function documentName({ type }: JsonFormat): string {
  return type === 'flat' ? 'output_type' : 'schema';
}

/** As a JSON schema. */
export function flatSchema(fields: Extract<ResponseFormat, { type: 'flat' }>['fields']): object {
  const properties = Object.entries(fields).map(([name, field]) => [
    name,
    typeof field === 'string' ? { type: flatTypes[field] } : { enum: field },
  ]);
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    required: Object.keys(fields),
    additionalProperties: false,
  };
}

/** GBNF of a user, read and written again: native code prints what it cannot read to the log, and aborts where it is stuck. */
export function checkedGbnf(source: string): string {
  const refused = (reason: string) => new AtelierError('invalid_request', { reason: `grammar: ${reason}` });
  const gbnf = printGrammar(checkGrammar(parseGrammar(source), refused));
  if (gbnf.length > maxGrammarLength) throw refused(`it is longer than ${maxGrammarLength} characters`);
  return gbnf;
}
