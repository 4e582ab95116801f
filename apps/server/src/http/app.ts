/** The Fastify app: what holds for every request, whatever API it is for. */
import { randomUUID } from 'node:crypto';
import multipart from '@fastify/multipart';
import { AtelierError } from '@atelier/errors';
import { fastify, type FastifyInstance, LogController } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Registry } from 'prom-client';
import type { Access } from '../core/access/access.ts';
import type { DownloadLinks } from '../core/access/download-links.ts';
import type { Events } from '../events.ts';
import type { Logger } from '../logger.ts';
import type { BlobStore } from '../storage/blobs/blob-store.ts';
import { type Api, mountApi } from './api.ts';
import { addAuthGate } from './auth-gate.ts';
import { credentialConstraint } from './credential.ts';
import { addDownloads } from './downloads.ts';
import { errorHandler, renderPlainError, sendError } from './error-handler.ts';
import { addHealth, type ReadinessChecks } from './health.ts';
import { addMetrics } from './metrics.ts';
import { watchClients } from './request-signal.ts';
import { addUploadLimit } from './upload-limit.ts';

/** A body that is parsed whole, in bytes; uploads stream and have their own limit. */
const BODY_LIMIT = 4 << 20;
/** A request's head must be there in 30 s, and all of it within an hour: 512 MB over a line of 1.2 Mbit/s. */
const HEADERS_LIMIT_MS = 30_000;
const REQUEST_LIMIT_MS = 3_600_000;
/** A signed download token is the longest parameter of a path. */
const PARAMETER_LIMIT = 1024;

export type AppParts = {
  access: Access;
  blobs: BlobStore;
  links: DownloadLinks;
  events: Events;
  logger: Logger;
  registry: Registry;
  checks: ReadinessChecks;
  apis: Api[];
  /** Bytes. */
  uploadLimit: number;
  hardStop: AbortSignal;
};

export type RouteEntry = { method: string; url: string; public: boolean };

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route there is, as the router got it. */
    routeTable: readonly RouteEntry[];
  }
}

/** Everything is registered, nothing is listening. Closing it waits for requests in flight. */
export async function createApp(parts: AppParts): Promise<FastifyInstance> {
  const { logger, uploadLimit } = parts;
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_LIMIT_MS,
    http: { headersTimeout: HEADERS_LIMIT_MS },
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAMETER_LIMIT, constraints: { credential: credentialConstraint } },
    frameworkErrors: (error, request, reply) =>
      void errorHandler(renderPlainError, logger, uploadLimit)(error, request, reply),
  }) as unknown as FastifyInstance;
  const routes: RouteEntry[] = [];
  app.decorate('routeTable', routes);
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const name of [method].flat()) routes.push({ method: name, url, public: config?.public === true });
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(errorHandler(renderPlainError, logger, uploadLimit));
  app.setNotFoundHandler((_request, reply) =>
    sendError(new AtelierError('not_found', { kind: 'Route' }), renderPlainError, reply),
  );

  watchClients(app, parts.hardStop);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
  });
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    // Closing waits for connections to end; one that a client would keep open must not hold it up.
    if (closing) reply.header('connection', 'close');
  });
  addAuthGate(app, parts.access, parts.events);
  addUploadLimit(app, uploadLimit);
  app.addHook('onResponse', async (request, reply) => {
    // One whose head was sent before has kept its connection open.
    if (closing) app.server.closeIdleConnections();
    // Those who only ask whether it lives ask every few seconds.
    const level = request.routeOptions.config.public === true && reply.statusCode < 400 ? 'debug' : 'info';
    logger[level](
      { req: request, res: reply, workspace: request.identity?.workspaceId, ms: Math.round(reply.elapsedTime) },
      'request',
    );
  });
  await app.register(multipart, {
    limits: { fileSize: uploadLimit, files: 1, fields: 32, fieldSize: 1 << 16, headerPairs: 32, parts: 33 },
  });

  addHealth(app, parts.checks);
  addMetrics(app, parts.registry);
  addDownloads(app, parts.links, parts.blobs);
  for (const api of parts.apis) mountApi(app, api, { logger, uploadLimit });
  await app.ready();
  return app;
}
