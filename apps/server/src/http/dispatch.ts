import type { FastifyInstance } from 'fastify';
import type { Access, Identity } from '../core/access/access.ts';

/** Longest that a caller is told to wait before it asks again; absent where asking again makes no sense. */
export type Dispatched = { status: number; body: unknown; retryAfterSeconds: number | null };

/**
 * Sends a JSON request to a route of this server, in process and on behalf of `identity`: it passes every check that one
 * from outside passes.
 */
export async function dispatch(
  app: FastifyInstance,
  access: Access,
  identity: Identity,
  { url, body }: { url: string; body: unknown },
  signal: AbortSignal,
): Promise<Dispatched> {
  using lent = access.lend(identity);
  const response = await app.inject({
    method: 'POST',
    url,
    headers: { authorization: `Bearer ${lent.key}`, 'content-type': 'application/json' },
    payload: JSON.stringify(body),
    signal,
  });
  const retryAfter = response.headers['retry-after'];
  const text = response.body;
  return {
    status: response.statusCode,
    body: text === '' ? null : JSON.parse(text),
    retryAfterSeconds: retryAfter === undefined ? null : Number(retryAfter),
  };
}
