import { AtelierError } from '@atelier/errors';
import type { FastifyRequest } from 'fastify';
import type { Identity } from '../core/access/access.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the auth gate; null on public routes only. Read it through `identityOf`. */
    identity: Identity | null;
  }
  interface FastifyContextConfig {
    /** Needs no key. Everything else does. */
    public?: boolean;
  }
}

/** Whom this request speaks for. @throws AtelierError `unauthorized` on a public route, which has no identity. */
export function identityOf(request: FastifyRequest): Identity {
  if (request.identity === null) throw new AtelierError('unauthorized');
  return request.identity;
}
