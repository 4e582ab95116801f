import type { IdPrefix } from './new-id.ts';

/** Whether `text` has the form of a UUID in lower case, as PostgreSQL shows one. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

/**
 * Whether `text` has the form of an id that `newId(prefix)` makes. Whatever else a client sends in the place of an id names
 * nothing, and must not reach the database, which refuses some texts (U+0000) with an error of its own.
 */
export function isId(prefix: IdPrefix, text: string): boolean {
  return text.startsWith(`${prefix}-`) && /^[0-9a-f]{24}$/.test(text.slice(prefix.length + 1));
}

/** The same for ids that `newAgentId` makes. */
export function isAgentId(prefix: 'ag' | 'conv', text: string): boolean {
  return text.startsWith(`${prefix}_`) && /^[0-9a-f]{32}$/.test(text.slice(prefix.length + 1));
}
