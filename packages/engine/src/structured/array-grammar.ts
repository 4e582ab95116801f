import { empty, never, optional, repeat, rule, sequence, text, type Expression } from '../gbnf/grammar.ts';
import { countsOf } from './scalar-grammar.ts';
import { child, refuse, type Branch, type SchemaNode } from './schema-node.ts';

/**
 * Arrays of schemas. A tuple is generated whole, as far as `maxItems` allows, and longer only where `items` says what
 * follows; without `items` and `prefixItems`, items are any values.
 */
export function arrayOf(
  branch: Branch,
  value: (nodes: readonly SchemaNode[]) => Expression,
  define: (definition: Expression) => Expression,
): Expression {
  for (const node of branch) {
    const { uniqueItems, maxItems } = node.schema as { uniqueItems?: boolean; maxItems?: number };
    if (uniqueItems === true && (maxItems ?? Infinity) > 1)
      refuse(node, 'uniqueItems', 'items cannot be compared with each other');
  }
  const tuples = branch.map(tupleOf);
  const prefixLength = Math.max(0, ...tuples.map(({ prefix }) => prefix.length));
  const [minItems, maxItems] = countsOf(branch, 'minItems', 'maxItems');
  const rest = tuples.flatMap((tuple) => tuple.rest ?? []);
  const open = prefixLength === 0 || rest.length > 0;
  const items = Array.from({ length: prefixLength }, (_, index) =>
    value(tuples.flatMap(({ prefix, rest: others }) => prefix[index] ?? others ?? [])),
  );
  if (!open && minItems > prefixLength) return never;
  const whole = items.slice(0, maxItems);
  const separator = sequence(text(','), rule('space'));
  const first = whole.map((item, index) => (index === 0 ? item : sequence(separator, item)));
  const left = open ? Math.max(0, maxItems - whole.length) : 0;
  return sequence(text('['), rule('space'), ...first, following(), text(']'));

  /** What comes after the tuple, and the space before the end. */
  function following(): Expression {
    const needed = Math.max(0, minItems - whole.length);
    if (left < needed) return never;
    const end = rule('space');
    if (left === 0) return whole.length > 0 ? end : empty;
    const item = value(rest);
    const more = define(sequence(separator, item));
    if (whole.length > 0) return sequence(repeat(more, needed, left), end);
    const some = sequence(item, repeat(more, Math.max(0, needed - 1), left - 1), end);
    return needed > 0 ? some : optional(some);
  }
}

/** `items` is a list in draft 7, where `additionalItems` are the others. */
function tupleOf(node: SchemaNode): { prefix: SchemaNode[]; rest?: SchemaNode } {
  const { prefixItems, items, additionalItems } = node.schema as Record<string, unknown>;
  const keyword = Array.isArray(items) ? 'items' : 'prefixItems';
  const list = Array.isArray(items) ? items : ((prefixItems as unknown[] | undefined) ?? []);
  const restKeyword = Array.isArray(items) ? 'additionalItems' : 'items';
  const hasRest = (restKeyword === 'items' ? items : additionalItems) !== undefined;
  return {
    prefix: list.map((_, index) => child(node, keyword, index)),
    ...(hasRest && { rest: child(node, restKeyword) }),
  };
}
