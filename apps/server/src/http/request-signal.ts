import type { ServerResponse } from 'node:http';
import { AtelierError } from '@atelier/errors';
import type { FastifyInstance, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    clientGone: AbortSignal | null;
  }
}

/**
 * Lets `requestSignal` know of clients that leave, of `hardStop`, which cuts what is in flight, and of the end of what a
 * request is made on behalf of. Fastify's own `request.signal` also aborts when a body was read whole.
 */
export function watchClients(app: FastifyInstance, hardStop: AbortSignal): void {
  const controllers = new WeakMap<FastifyRequest, AbortController>();
  app.decorateRequest('clientGone', null);
  app.addHook('onRequest', async (request, reply) => {
    const controller = new AbortController();
    controllers.set(request, controller);
    request.clientGone = controller.signal;
    reply.raw.once('close', () => {
      if (!reply.raw.writableEnded) controller.abort(new AtelierError('cancelled'));
    });
    follow(hardStop, controller, reply.raw);
  });
  // Who asks is known once every hook above has run.
  app.addHook('preParsing', async (request, reply) => {
    const controller = controllers.get(request);
    if (controller && request.identity?.signal) follow(request.identity.signal, controller, reply.raw);
  });
}

/** What a signal that lasts is to abort. */
type Followers = { controllers: Set<AbortController>; forget: () => void };
const followers = new WeakMap<AbortSignal, Followers>();

/**
 * What AbortSignal.any does, until the answer is sent. That holds its results weakly, and a listener for each would stay
 * linked to the next: both make short requests outlive the quick collections, and thousands of them come to 100 MB.
 */
function follow(signal: AbortSignal, controller: AbortController, response: ServerResponse): void {
  if (signal.aborted) return controller.abort(signal.reason);
  const { controllers, forget } = followers.get(signal) ?? firstFollower(signal);
  controllers.add(controller);
  response.once('close', () => {
    controllers.delete(controller);
    if (controllers.size === 0) forget();
  });
}

function firstFollower(signal: AbortSignal): Followers {
  const controllers = new Set<AbortController>();
  const abort = () => {
    for (const each of controllers) each.abort(signal.reason);
  };
  signal.addEventListener('abort', abort);
  const made = {
    controllers,
    forget() {
      signal.removeEventListener('abort', abort);
      followers.delete(signal);
    },
  };
  followers.set(signal, made);
  return made;
}

/** Aborts, with an AtelierError as its reason, when the client has left or the server can wait no longer. */
export function requestSignal({ clientGone }: FastifyRequest): AbortSignal {
  return clientGone ?? AbortSignal.abort();
}
