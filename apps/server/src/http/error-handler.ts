import type { AtelierError } from '@atelier/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../logger.ts';
import { toAtelierError } from './to-atelier-error.ts';

/** How one API shows an error: its status and the body in that API's own shape, for the answer to a request or as part of one. */
export type RenderError = (error: AtelierError, requestId?: string) => { status: number; body: unknown };

/** For paths that belong to no API. */
export const renderPlainError: RenderError = (error) => ({
  status: error.status,
  body: { status: error.status, error: error.message, code: error.code },
});

/** A Fastify error handler that shows every error as `render` says and logs those that are the server's own fault. */
export function errorHandler(render: RenderError, logger: Logger, limit: number) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const error = toAtelierError(thrown, limit);
    if (error.status >= 500)
      logger.error({ requestId: request.id, code: error.code, err: error.cause ?? error }, 'a request failed');
    return sendError(error, render, reply);
  };
}

export function sendError(error: AtelierError, render: RenderError, reply: FastifyReply): FastifyReply {
  if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  if (error.retryable && error.status !== 499) reply.header('retry-after', String(error.details['retryAfter'] ?? 1));
  const { status, body } = render(error, reply.request.id);
  return reply.code(status).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body);
}
