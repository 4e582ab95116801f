/** Schemas with their place in a document, and what references in them point to. */
import { AtelierError } from '@atelier/errors';
import { Unenforceable } from './unenforceable.ts';

export type Keywords = Readonly<Record<string, unknown>>;

/** `root` is the document that references are about, `path` a JSON pointer into it, for messages. */
export type SchemaNode = { readonly schema: boolean | Keywords; readonly path: string; readonly root: SchemaRoot };

/** Schemas that all hold, without references and combinations: those keywords of theirs have been followed. */
export type Branch = readonly SchemaNode[];

/** A document and a name for it in messages. */
export type SchemaRoot = { readonly document: unknown; readonly name: string };

const maxBytes = 1 << 18;
const maxDepth = 64;

/** Throws `unsupported_schema`. */
export function openSchema(document: unknown, name: string): SchemaNode {
  const root = { document, name };
  requireShallow(document, name);
  const bytes = Buffer.byteLength(JSON.stringify(document) ?? '');
  if (bytes > maxBytes) throw unsupported(name, `it has ${bytes} bytes, more than ${maxBytes}`);
  return nodeAt(document, '#', root);
}

function requireShallow(document: unknown, name: string): void {
  let level: unknown[] = [document];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) throw unsupported(name, `it is nested deeper than ${maxDepth} levels`);
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
}

export function unsupported(path: string, reason: string): AtelierError {
  return new AtelierError('unsupported_schema', { path: path.slice(0, 300), reason });
}

/** The error of a keyword. */
export function refuse(node: SchemaNode, keyword: string | undefined, reason: string): never {
  const path = keyword === undefined ? node.path : `${node.path}/${escapePointer(keyword)}`;
  throw unsupported(`${node.root.name}${path}`, reason);
}

/** What `make` gives; what it finds unenforceable is reported at the keyword. */
export function at<T>(node: SchemaNode, keyword: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof Unenforceable) return refuse(node, keyword, error.message);
    throw error;
  }
}

/** The schema below a keyword, and below a name or an index in it. */
export function child(node: SchemaNode, ...keys: (string | number)[]): SchemaNode {
  let value: unknown = node.schema;
  for (const key of keys) value = (value as Record<string, unknown>)[key];
  return nodeAt(value, `${node.path}/${keys.map((key) => escapePointer(String(key))).join('/')}`, node.root);
}

const nodes = new WeakMap<object, SchemaNode>();

/** The same node for the same object, so that a schema is known again where references lead back to it. */
function nodeAt(schema: unknown, path: string, root: SchemaRoot): SchemaNode {
  if (typeof schema === 'boolean') return { schema, path, root };
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    throw unsupported(`${root.name}${path}`, 'a schema has to be an object, true or false');
  }
  const known = nodes.get(schema);
  if (known && known.root.document === root.document && known.root.name === root.name) return known;
  const node = { schema: schema as Keywords, path, root };
  nodes.set(schema, node);
  return node;
}

export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** What a `$ref` points to. */
export function resolveReference(node: SchemaNode, reference: unknown): SchemaNode {
  if (typeof reference !== 'string') refuse(node, '$ref', 'it has to be a string');
  if (!/^#(\/|$)/.test(reference)) refuse(node, '$ref', 'only references within the schema, #/..., are followed');
  let value: unknown = node.root.document;
  for (const part of reference.split('/').slice(1)) {
    const key = decode(part).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) {
      refuse(node, '$ref', 'it points to nothing');
    }
    value = (value as Record<string, unknown>)[key];
  }
  return nodeAt(value, reference, node.root);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
