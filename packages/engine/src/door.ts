/** Where requests come in: nothing unchecked goes on from here. */
import { AtelierError } from '@atelier/errors';
import type { z } from 'zod';
import { refuseMedia } from './media.ts';

/** JSON within JSON; the parsers and printers behind this recurse. */
const maxDepth = 256;

/** Throws `invalid_request` naming the first field that is wrong, never its value, and `unsupported_content`. */
export function parseRequest<T>(schema: z.ZodType<T>, value: unknown): T {
  if (isDeep(value)) throw invalid(`nested deeper than ${maxDepth} levels`);
  refuseMedia(value);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw invalid(`${issue.path.join('.')}: ${issue.message}`);
}

function isDeep(root: unknown): boolean {
  let level = new Set([root].filter(isObject));
  for (let depth = 0; level.size > 0; depth++) {
    if (depth === maxDepth) return true;
    level = new Set([...level].flatMap((value) => Object.values(value).filter(isObject)));
  }
  return false;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function invalid(reason: string): AtelierError {
  return new AtelierError('invalid_request', { reason });
}
