import { checkKeywords } from './keywords.ts';
import { allowedKinds, intersectKinds, intersectValues, keywordsOf, valuesOfAll } from './kinds.ts';
import { child, resolveReference, type Branch, type SchemaNode } from './schema-node.ts';

/** References that lead to references, as far as they are followed here. */
const maxReferences = 16;

/** Whether what is generated for one of two alternatives is never valid for the other; false when that is not known. */
export function disjoint(a: Branch, b: Branch): boolean {
  if (differ(a, b)) return true;
  const kinds = intersectKinds(allowedKinds(a), allowedKinds(b));
  if (kinds.size > 1 || !kinds.has('object')) return false;
  return neverValid(a, b) && neverValid(b, a);
}

/** Whether kinds or values alone tell them apart. */
function differ(a: Branch, b: Branch): boolean {
  if (intersectKinds(allowedKinds(a), allowedKinds(b)).size === 0) return true;
  const [some, others] = [valuesOfAll(a), valuesOfAll(b)];
  return some !== undefined && others !== undefined && intersectValues(some, others).size === 0;
}

/** Whether no object generated for `made` is valid for `other`. Objects have only declared properties, or any. */
function neverValid(made: Branch, other: Branch): boolean {
  const [madeNames, otherNames] = [declared(made), declared(other)];
  const always = required(made);
  const onlyDeclared =
    keywordsOf(made).some(({ additionalProperties }) => additionalProperties === false) ||
    (madeNames.size > 0 && keywordsOf(made).every(({ additionalProperties }) => additionalProperties === undefined));
  for (const name of required(other)) if (onlyDeclared && !madeNames.has(name) && !always.has(name)) return true;
  const closed = keywordsOf(other).some(
    ({ additionalProperties, patternProperties }) => additionalProperties === false && patternProperties === undefined,
  );
  for (const name of always) {
    if (closed && !otherNames.has(name)) return true;
    if (differ(property(made, name), property(other, name))) return true;
  }
  return false;
}

function declared(branch: Branch): Set<string> {
  return new Set(keywordsOf(branch).flatMap(({ properties }) => Object.keys((properties as object | undefined) ?? {})));
}

function required(branch: Branch): Set<string> {
  return new Set(keywordsOf(branch).flatMap(({ required: names }) => (names as string[] | undefined) ?? []));
}

/** What is said about a property, without its own combinations, which only narrow it further. */
function property(branch: Branch, name: string): Branch {
  return branch.flatMap((node) => {
    const properties = (node.schema as { properties?: object }).properties;
    return properties && Object.hasOwn(properties, name) ? followed(child(node, 'properties', name)) : [];
  });
}

function followed(node: SchemaNode): SchemaNode[] {
  const nodes: SchemaNode[] = [];
  for (let next = node; nodes.length < maxReferences && typeof next.schema === 'object';) {
    checkKeywords(next, next.schema);
    nodes.push(next);
    if (next.schema['$ref'] === undefined) break;
    next = resolveReference(next, next.schema['$ref']);
  }
  return nodes;
}
