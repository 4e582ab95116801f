import { choice, empty, never, repeat, rule, sequence, text, type Expression } from '../gbnf/grammar.ts';
import type { GrammarBuilder } from './grammar-builder.ts';
import { jsonString, literal, otherKey } from './json-text.ts';
import { parsePattern } from './pattern.ts';
import { countsOf } from './scalar-grammar.ts';
import { at, child, refuse, type Branch, type SchemaNode } from './schema-node.ts';

/** Characters of a name that the schema does not give, so that no model writes names for ever. */
const maxKeyLength = 64;

type Value = (nodes: readonly SchemaNode[]) => Expression;
export type Property<T = Expression> = { name: string; required: boolean; value: T };

/**
 * Objects of schemas: the declared properties in their order, then others. Others are generated where
 * `additionalProperties` allows them in so many words, and where nothing is declared at all.
 */
export function objectOf(branch: Branch, value: Value, builder: GrammarBuilder): Expression {
  const properties = propertiesOf(branch, value);
  if (properties.some(({ required, value: each }) => required && isFalse(each))) return never;
  const possible = properties.filter((property) => !isFalse(property.value));
  const extra = extraMember(branch, value, properties);
  const [least, most] = countsOf(branch, 'minProperties', 'maxProperties');
  const requiredCount = possible.filter(({ required }) => required).length;
  if (most < requiredCount) return never;
  const kept = possible.length <= most ? possible : optionalLeftOut(branch, possible, most);
  const extras = extra ? Math.max(0, most - kept.length) : 0;
  const missing = Math.max(0, least - requiredCount);
  if (missing > 0 && extras === 0 && kept.length < least) return never;
  if (missing > 1 || (missing === 1 && requiredCount > 0)) refuseAny(branch, 'minProperties');
  return builder.define(
    sequence(
      text('{'),
      rule('space'),
      members(kept, extra && builder.define(extra), extras, missing > 0, builder),
      text('}'),
    ),
  );
}

const isFalse = (expression: Expression): boolean => expression === never;

function optionalLeftOut(branch: Branch, properties: Property[], most: number): Property[] {
  const required = properties.filter((property) => property.required);
  if (required.length < most) refuseAny(branch, 'maxProperties');
  return required;
}

function refuseAny(branch: Branch, keyword: string): never {
  const node = branch.find(({ schema }) => Object.hasOwn(schema as object, keyword))!;
  return refuse(node, keyword, 'it cannot be enforced for optional properties; name those that are required');
}

/** What stands between the brackets, the space before the last one included. */
function members(
  properties: readonly Property[],
  extra: Expression | undefined,
  extras: number,
  notEmpty: boolean,
  builder: GrammarBuilder,
): Expression {
  const comma = sequence(text(','), rule('space'));
  const end = rule('space');
  const allowed = extra && extras > 0 ? extra : undefined;
  const more = allowed ? repeat(builder.define(sequence(comma, allowed)), 0, extras) : empty;
  const fewer = allowed ? repeat(builder.define(sequence(comma, allowed)), 0, extras - 1) : empty;
  // After a member, and where there is none so far.
  let after = sequence(more, end);
  let start = choice(...(allowed ? [sequence(allowed, fewer, end)] : []), ...(notEmpty ? [] : [empty]));
  for (const { name, required, value } of properties.toReversed()) {
    const member = builder.define(sequence(literal(name), text(':'), rule('space'), value));
    const [rest, without] = [builder.define(after), start];
    after = choice(sequence(comma, member, rest), ...(required ? [] : [rest]));
    start = choice(sequence(member, rest), ...(required ? [] : [builder.define(without)]));
  }
  return start;
}

/** The declared properties of a branch in their order, then those that are only required, each with what `value` makes of its schemas. */
export function propertiesOf<T>(branch: Branch, value: (nodes: readonly SchemaNode[]) => T): Property<T>[] {
  const schemas = branch.map((node) => node.schema as Record<string, unknown>);
  const required = new Set(schemas.flatMap((schema) => (schema['required'] as string[] | undefined) ?? []));
  const names = new Set(schemas.flatMap((schema) => Object.keys((schema['properties'] as object | undefined) ?? {})));
  return [...new Set([...names, ...required])].map((name) => ({
    name,
    required: required.has(name),
    value: value(branch.flatMap((node) => aboutProperty(node, name))),
  }));
}

function aboutProperty(node: SchemaNode, name: string): SchemaNode[] {
  const { properties, additionalProperties } = node.schema as Record<string, object | boolean | undefined>;
  if (properties && Object.hasOwn(properties as object, name)) return [child(node, 'properties', name)];
  return additionalProperties === undefined ? [] : [child(node, 'additionalProperties')];
}

/** A member that is not declared; undefined where there is none. */
function extraMember(branch: Branch, value: Value, properties: readonly Property[]): Expression | undefined {
  const having = (keyword: string) => branch.filter(({ schema }) => Object.hasOwn(schema as object, keyword));
  const pattern = onlyPattern(having('patternProperties'), properties);
  const named = having('propertyNames');
  if (named.length > 0 && properties.length > 0) {
    refuse(named[0]!, 'propertyNames', 'it cannot be enforced together with properties');
  }
  const additional = having('additionalProperties').map((node) => child(node, 'additionalProperties'));
  const member = (key: Expression, nodes: SchemaNode[]) => sequence(key, text(':'), rule('space'), value(nodes));
  if (pattern) {
    if (named.length > 0) refuse(named[0]!, 'propertyNames', 'it cannot be enforced together with patternProperties');
    return member(pattern.key, [pattern.node]);
  }
  if (additional.some(({ schema }) => schema === false)) return undefined;
  if (additional.length === 0 && properties.length > 0) return undefined;
  if (named.length > 0)
    return member(value([...named.map((node) => child(node, 'propertyNames')), stringNode(named[0]!)]), additional);
  return member(
    otherKey(
      properties.map(({ name }) => name),
      maxKeyLength,
    ),
    additional,
  );
}

const stringSchema = { type: 'string' };
const stringNode = ({ path, root }: SchemaNode): SchemaNode => ({ schema: stringSchema, path, root });

/** One pattern for all names is a map; more could overlap with each other and with properties. */
function onlyPattern(
  nodes: readonly SchemaNode[],
  properties: readonly Property[],
): { key: Expression; node: SchemaNode } | undefined {
  const [node, second] = nodes;
  if (!node) return undefined;
  const patterns = Object.keys((node.schema as { patternProperties: object }).patternProperties);
  if (second || patterns.length !== 1 || properties.length > 0) {
    refuse(node, 'patternProperties', 'only one pattern, and no other properties beside it, can be enforced');
  }
  const key = at(node, 'patternProperties', () => jsonString(parsePattern(patterns[0]!)));
  return { key, node: child(node, 'patternProperties', patterns[0]!) };
}
