/** Which kinds of values the schemas of a branch allow. */
import { keywordKinds, typeNames, type TypeName } from './keywords.ts';
import type { Branch, Keywords } from './schema-node.ts';

/** `integer` means that numbers have to be whole. */
export type Kinds = ReadonlySet<TypeName>;

export function keywordsOf(branch: Branch): Keywords[] {
  return branch.flatMap(({ schema }) => (typeof schema === 'boolean' ? [] : [schema]));
}

/** The kinds that `type`, `enum` and `const` allow, all of them where nothing is said. */
export function allowedKinds(branch: Branch): Kinds {
  return keywordsOf(branch).map(ownKinds).reduce(intersectKinds, new Set(typeNames));
}

/**
 * The kinds to generate: where no type is given, those that the keywords are about. A schema of `properties` alone would
 * allow any number, but means objects.
 */
export function generatedKinds(branch: Branch): Kinds {
  const allowed = allowedKinds(branch);
  const schemas = keywordsOf(branch);
  if (schemas.some(({ type }) => type !== undefined)) return allowed;
  const about = new Set<string>(
    schemas
      .flatMap((schema) => Object.keys(schema))
      .flatMap((key) => keywordKinds[key as keyof typeof keywordKinds] ?? []),
  );
  if (about.size === 0) return allowed;
  return new Set([...allowed].filter((kind) => about.has(kind === 'integer' ? 'number' : kind)));
}

const knownKinds = new WeakMap<Keywords, Kinds>();

function ownKinds(schema: Keywords): Kinds {
  const kinds = knownKinds.get(schema) ?? readKinds(schema);
  knownKinds.set(schema, kinds);
  return kinds;
}

function readKinds(schema: Keywords): Kinds {
  let kinds: Kinds = new Set(typeNames);
  if (schema['type'] !== undefined) {
    const types = [schema['type']].flat() as TypeName[];
    kinds = new Set(schema['nullable'] === true ? [...types, 'null'] : types);
    if (kinds.has('number')) kinds = new Set([...kinds, 'integer']);
  }
  const values = valuesOf(schema);
  return values ? intersectKinds(kinds, new Set([...values.values()].flatMap(kindsOfValue))) : kinds;
}

/** A schema's values by a text that is the same for equal values: the order of properties does not count. */
export type Values = ReadonlyMap<string, unknown>;

const known = new WeakMap<Keywords, Values>();

/** The values of `enum` and `const`, where a schema has one of them. */
function valuesOf(schema: Keywords): Values | undefined {
  const hasConstant = Object.hasOwn(schema, 'const');
  if (!hasConstant && schema['enum'] === undefined) return undefined;
  let values = known.get(schema);
  if (!values) {
    const lists = [
      ...(hasConstant ? [[schema['const']]] : []),
      ...(schema['enum'] ? [schema['enum'] as unknown[]] : []),
    ];
    values = lists
      .map((list): Values => new Map(list.map((value) => [canonical(value), value])))
      .reduce(intersectValues);
    known.set(schema, values);
  }
  return values;
}

/** The values that `enum` and `const` of all schemas allow; undefined where none has them. */
export function valuesOfAll(branch: Branch): Values | undefined {
  const all = keywordsOf(branch).flatMap((schema) => valuesOf(schema) ?? []);
  return all.length === 0 ? undefined : all.reduce(intersectValues);
}

export function intersectValues(some: Values, others: Values): Values {
  return new Map([...some].filter(([key]) => others.has(key)));
}

export function intersectKinds(some: Kinds, others: Kinds): Kinds {
  return new Set([...some].filter((kind) => others.has(kind)));
}

/** `number` is what is no integer, or may be none. */
export function kindsOfValue(value: unknown): TypeName[] {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  if (typeof value === 'number') return Number.isInteger(value) ? ['integer', 'number'] : ['number'];
  return [typeof value as 'string' | 'boolean' | 'object'];
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([x], [y]) => (x < y ? -1 : 1)))
      : inner,
  );
}
