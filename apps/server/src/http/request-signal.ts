import { AtelierError } from '@atelier/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    clientGone: AbortSignal | null;
  }
  interface FastifyInstance {
    /** Aborts when requests in flight are to be cut: the time for a graceful stop is over. */
    hardStop: AbortSignal;
  }
}

/** Lets `requestSignal` know of clients that leave. Fastify's own `request.signal` also aborts when a body was read whole. */
export function watchClients(app: FastifyInstance, hardStop: AbortSignal): void {
  app.decorate('hardStop', hardStop);
  app.decorateRequest('clientGone', null);
  app.addHook('onRequest', async (request, reply) => {
    const controller = new AbortController();
    request.clientGone = controller.signal;
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) controller.abort(new AtelierError('cancelled'));
    });
  });
}

/** Aborts, with an AtelierError as its reason, when the client has left or the server can wait no longer. */
export function requestSignal(request: FastifyRequest): AbortSignal {
  const { clientGone, identity, server } = request;
  const own = identity?.signal ? [identity.signal] : [];
  return AbortSignal.any([clientGone ?? AbortSignal.abort(), server.hardStop, ...own]);
}
