import type { FastifyInstance } from 'fastify';

/** Where a path is Emissary's too, the header that brings the key says whose request it is. Under its own prefix none is. */
export function bearerAtRoot({ prefix }: Pick<FastifyInstance, 'prefix'>) {
  return prefix === '' ? { constraints: { credential: 'authorization' } } : {};
}
