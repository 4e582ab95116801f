import { AtelierError } from '@atelier/errors';
import type { FastifyInstance } from 'fastify';
import type { Access } from '../core/access/access.ts';
import type { Events } from '../events.ts';
import { credentialOf } from './credential.ts';

/**
 * The one place where keys are checked: before anything of a request but its headers is read, for every route there is or
 * will be and for paths that have none, unless the route says `config: { public: true }`.
 */
export function addAuthGate(app: FastifyInstance, access: Pick<Access, 'authenticate'>, events: Events): void {
  app.decorateRequest('identity', null);
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.public === true) return;
    const credential = credentialOf(request.headers);
    request.identity = credential && (await access.authenticate(credential.key));
    if (request.identity === null) {
      events.authenticationRefused({ keyGiven: credential !== null });
      throw new AtelierError('unauthorized');
    }
  });
}
