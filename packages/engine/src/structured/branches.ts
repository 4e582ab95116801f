/** Takes a schema's combinations apart: what is left are alternatives, each of them a list of schemas that all hold. */
import { disjoint } from './disjoint.ts';
import { checkKeywords } from './keywords.ts';
import { child, refuse, resolveReference, type Branch, type Keywords, type SchemaNode } from './schema-node.ts';

/** allOf over anyOf over anyOf multiplies. */
const maxBranches = 256;

/** The alternatives of schemas that all hold. Throws `unsupported_schema`. */
export function branchesOf(nodes: readonly SchemaNode[]): Branch[] {
  return nodes.reduce<Branch[]>((branches, node) => both(node, branches, split(node, [])), [[]]);
}

const known = new WeakMap<SchemaNode, Branch[]>();

function split(node: SchemaNode, open: readonly SchemaNode[]): Branch[] {
  const branches = known.get(node) ?? take(node, open);
  known.set(node, branches);
  return branches;
}

function take(node: SchemaNode, open: readonly SchemaNode[]): Branch[] {
  const { schema } = node;
  if (typeof schema === 'boolean') return schema ? [[]] : [];
  if (open.includes(node)) refuse(node, undefined, 'it refers to itself without anything in between');
  checkKeywords(node, schema);
  const inner = [...open, node];
  let branches: Branch[] = [[node]];
  const add = (others: Branch[]) => (branches = both(node, branches, others));
  if (schema['$ref'] !== undefined) add(split(resolveReference(node, schema['$ref']), inner));
  for (const part of parts(node, schema, 'allOf')) add(split(part, inner));
  const any = parts(node, schema, 'anyOf');
  if (any.length > 0) add(any.flatMap((part) => split(part, inner)));
  if (((schema['oneOf'] as unknown[] | undefined) ?? []).length > maxBranches)
    refuse(node, 'oneOf', `more than ${maxBranches} are not compared`);
  const one = parts(node, schema, 'oneOf').map((part) => split(part, inner));
  if (one.length > 0) {
    requireOneOf(node, one);
    add(one.flat());
  }
  return branches.map((branch) => closed(node, schema, branch));
}

function parts(node: SchemaNode, schema: Keywords, keyword: string): SchemaNode[] {
  return ((schema[keyword] ?? []) as unknown[]).map((_, index) => child(node, keyword, index));
}

function both(node: SchemaNode, some: readonly Branch[], others: readonly Branch[]): Branch[] {
  if (some.length * others.length > maxBranches) {
    refuse(node, undefined, `its combinations have more than ${maxBranches} alternatives`);
  }
  return some.flatMap((a) => others.map((b) => [...new Set([...a, ...b])]));
}

/** A grammar cannot say "exactly one of these", so they must exclude each other. */
function requireOneOf(node: SchemaNode, options: readonly Branch[][]): void {
  for (const [index, option] of options.entries()) {
    for (const other of options.slice(0, index)) {
      if (option.some((a) => other.some((b) => !disjoint(a, b)))) {
        refuse(node, 'oneOf', 'a value could be valid for two of these, which cannot be prevented; use anyOf');
      }
    }
  }
}

const closing = new WeakMap<SchemaNode, Map<string, SchemaNode>>();

/** `unevaluatedProperties` and `unevaluatedItems` in the words of additionalProperties and maxItems. */
function closed(node: SchemaNode, schema: Keywords, branch: Branch): Branch {
  const { unevaluatedProperties: rest, unevaluatedItems } = schema;
  const keywordsOf = branch.flatMap((each) => (typeof each.schema === 'boolean' ? [] : [each.schema]));
  const extra: Record<string, unknown> = {};
  if (unevaluatedItems !== undefined && unevaluatedItems !== true) {
    if (unevaluatedItems !== false) refuse(node, 'unevaluatedItems', 'only false and true can be enforced');
    if (keywordsOf.every(({ items, additionalItems }) => isUnset(items) && isUnset(additionalItems))) {
      const lengths = keywordsOf.map(({ items, prefixItems }) => tupleLength(prefixItems) ?? tupleLength(items) ?? 0);
      extra['maxItems'] = Math.max(...lengths);
    }
  }
  if (rest !== undefined && rest !== true && keywordsOf.every((each) => isClosed(each['additionalProperties']))) {
    if (keywordsOf.some((each) => each['patternProperties'])) {
      refuse(node, 'unevaluatedProperties', 'it cannot be enforced together with patternProperties');
    }
    const names = keywordsOf.flatMap(({ properties }) => Object.keys((properties as object | undefined) ?? {}));
    extra['properties'] = Object.fromEntries(names.map((name) => [name, true]));
    extra['additionalProperties'] = rest;
  }
  if (Object.keys(extra).length === 0) return branch;
  const known = closing.get(node) ?? new Map<string, SchemaNode>();
  closing.set(node, known);
  const key = JSON.stringify(extra);
  const added = known.get(key) ?? { schema: extra, path: node.path, root: node.root };
  known.set(key, added);
  return [...branch, added];
}

const isUnset = (items: unknown): boolean => items === undefined || Array.isArray(items);
const isClosed = (additional: unknown): boolean => additional === undefined || additional === false;
const tupleLength = (items: unknown): number | undefined => (Array.isArray(items) ? items.length : undefined);
