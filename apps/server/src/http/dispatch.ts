import type { FastifyInstance } from 'fastify';
import type { Access, Identity } from '../core/access/access.ts';

/** `retryAfterSeconds`: when to ask again, where that makes sense. */
export type Dispatched = { status: number; body: unknown; retryAfterSeconds: number | null };

/**
 * Sends a JSON request to a route of this server, in process and on behalf of `identity`: it passes every check that one
 * from outside passes. Once `signal` aborts, the answer is that of a request whose client has left.
 */
export async function dispatch(
  app: FastifyInstance,
  access: Access,
  identity: Identity,
  { url, body }: { url: string; body: unknown },
  signal: AbortSignal,
): Promise<Dispatched> {
  using lent = access.lend({ ...identity, signal });
  const response = await app.inject({
    method: 'POST',
    url,
    headers: { authorization: `Bearer ${lent.key}`, 'content-type': 'application/json' },
    payload: JSON.stringify(body),
  });
  const retryAfter = response.headers['retry-after'];
  const text = response.body;
  return {
    status: response.statusCode,
    body: text === '' ? null : JSON.parse(text),
    retryAfterSeconds: retryAfter === undefined ? null : Number(retryAfter),
  };
}
