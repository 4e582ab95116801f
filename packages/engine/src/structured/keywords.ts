/** The keywords of JSON schemas by what becomes of them. */
import { refuse, type Keywords, type SchemaNode } from './schema-node.ts';

/** Which kinds of values a keyword says something about; it holds for all others. */
export const keywordKinds = {
  minLength: 'string',
  maxLength: 'string',
  pattern: 'string',
  format: 'string',
  minimum: 'number',
  maximum: 'number',
  exclusiveMinimum: 'number',
  exclusiveMaximum: 'number',
  multipleOf: 'number',
  items: 'array',
  prefixItems: 'array',
  additionalItems: 'array',
  minItems: 'array',
  maxItems: 'array',
  uniqueItems: 'array',
  unevaluatedItems: 'array',
  properties: 'object',
  required: 'object',
  additionalProperties: 'object',
  unevaluatedProperties: 'object',
  patternProperties: 'object',
  propertyNames: 'object',
  minProperties: 'object',
  maxProperties: 'object',
} as const satisfies Record<string, string>;

const general = new Set(['type', 'nullable', 'enum', 'const', '$ref', 'allOf', 'anyOf', 'oneOf']);

/** Say nothing about which values are valid. `x-` keywords neither. */
const annotations = new Set(
  (
    '$schema $id $comment $defs definitions title description default example examples deprecated readOnly writeOnly ' +
    'discriminator externalDocs xml contentEncoding contentMediaType contentSchema'
  ).split(' '),
);

const reasons = new Map(
  Object.entries({
    not: 'what is not allowed cannot be enforced; say what is',
    'if then else': 'conditions cannot be enforced; use anyOf',
    'contains minContains maxContains': 'what only some items have to be cannot be enforced',
    'dependentRequired dependentSchemas dependencies': 'properties that depend on others cannot be enforced; use anyOf',
    $anchor: 'anchors are not followed; use #/$defs/...',
    '$dynamicRef $dynamicAnchor $recursiveRef': 'dynamic references are not followed',
  }).flatMap(([keywords, reason]) => keywords.split(' ').map((keyword) => [keyword, reason] as const)),
);

/** Refuses keywords that cannot be enforced, are not known, or have a value that they cannot have. */
export function checkKeywords(node: SchemaNode, schema: Keywords): void {
  for (const [keyword, value] of Object.entries(schema)) {
    if (annotations.has(keyword) || keyword.startsWith('x-')) continue;
    const reason = reasons.get(keyword);
    if (reason !== undefined) refuse(node, keyword, reason);
    if (!general.has(keyword) && !Object.hasOwn(keywordKinds, keyword)) {
      refuse(node, keyword, 'the keyword is not known, so it cannot be enforced');
    }
    const expected = expectations[keyword];
    if (expected && !expected.holds(value)) refuse(node, keyword, `it has to be ${expected.what}`);
  }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const count = {
  holds: (value: unknown) => Number.isInteger(value) && (value as number) >= 0,
  what: 'a whole number from 0 on',
};
const number = { holds: (value: unknown) => Number.isFinite(value), what: 'a number' };
const text = { holds: (value: unknown) => typeof value === 'string', what: 'a string' };
const flag = { holds: (value: unknown) => typeof value === 'boolean', what: 'true or false' };
const schemas = { holds: isObject, what: 'an object of schemas' };
const list = { holds: (value: unknown) => Array.isArray(value) && value.length > 0, what: 'a list of schemas' };

export const typeNames = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'] as const;
export type TypeName = (typeof typeNames)[number];

const isType = (value: unknown): boolean => typeNames.includes(value as TypeName);

const expectations: Readonly<Record<string, { holds: (value: unknown) => boolean; what: string }>> = {
  type: {
    holds: (value) => isType(value) || (Array.isArray(value) && value.length > 0 && value.every(isType)),
    what: `one or more of ${typeNames.join(', ')}`,
  },
  nullable: flag,
  enum: { holds: Array.isArray, what: 'a list of values' },
  allOf: list,
  anyOf: list,
  oneOf: list,
  minLength: count,
  maxLength: count,
  pattern: text,
  format: text,
  minimum: number,
  maximum: number,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  multipleOf: number,
  prefixItems: list,
  minItems: count,
  maxItems: count,
  uniqueItems: flag,
  properties: schemas,
  required: {
    holds: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
    what: 'a list of names',
  },
  patternProperties: schemas,
  minProperties: count,
  maxProperties: count,
};
