import { AtelierError } from '@atelier/errors';
import type { FastifyInstance } from 'fastify';

/** What a multipart body may hold besides the file: other fields and the lines between parts. */
const FORM_OVERHEAD = 1 << 20;
/** A body may pause this long. Shorter would cut slow lines; longer would let idle connections pile up. */
const BODY_PAUSE_MS = 60_000;
/** An answer given before the body was read whole: this long the rest is read and dropped, so that the client gets to read it. */
const LINGER_MS = 5000;

/** Bounds every body before a route sees it: by its announced size, by its pauses, and by what is left after an early answer. */
export function addUploadLimit(app: FastifyInstance, limit: number): void {
  app.addHook('onRequest', async (request) => {
    if (Number(request.headers['content-length'] ?? 0) > limit + FORM_OVERHEAD)
      throw new AtelierError('payload_too_large', { limit });
  });
  app.server.prependListener('request', (request, response) => {
    if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) return;
    request.setTimeout(BODY_PAUSE_MS, () => request.destroy());
    request.once('end', () => request.setTimeout(0));
    response.once('finish', () => {
      if (request.complete) return;
      const timer = setTimeout(() => request.destroy(), LINGER_MS);
      request.once('end', () => clearTimeout(timer));
      request.once('close', () => clearTimeout(timer));
    });
  });
}
