import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyServerOptions } from 'fastify';

/** The header that carries the key; some APIs share paths and are told apart by it. */
export type CredentialKind = 'x-api-key' | 'authorization';

/** The key of a request and the header it came in; null without one. `X-API-Key` goes first when both are there. */
export function credentialOf(headers: IncomingHttpHeaders): { kind: CredentialKind; key: string } | null {
  const header = headers['x-api-key'];
  if (typeof header === 'string') return { kind: 'x-api-key', key: header };
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '');
  return bearer?.[1] === undefined ? null : { kind: 'authorization', key: bearer[1] };
}

type Constraint = NonNullable<NonNullable<FastifyServerOptions['routerOptions']>['constraints']>[string];
type Handler = NonNullable<ReturnType<ReturnType<Constraint['storage']>['get']>>;

/**
 * Lets two APIs serve the same path at the root: a route with `constraints: { credential: 'authorization' }` answers
 * requests that bring that header; one without a constraint answers the rest.
 */
export const credentialConstraint: Constraint = {
  name: 'credential',
  deriveConstraint: (request) => credentialOf(request.headers)?.kind ?? '',
  mustMatchWhenDerived: false,
  storage() {
    const handlers = new Map<string, Handler>();
    return {
      get: (kind) => handlers.get(kind) ?? null,
      set: (kind, handler) => void handlers.set(kind, handler),
    };
  },
  validate(kind) {
    if (kind !== 'x-api-key' && kind !== 'authorization')
      throw new TypeError('a credential constraint is x-api-key or authorization');
  },
};
