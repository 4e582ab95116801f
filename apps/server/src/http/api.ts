/**
 * How a public API is put into the app: under its own prefix, with an OpenAPI document, and once more at the root, so that
 * a client changes its base URL and nothing else.
 */
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { AtelierError } from '@atelier/errors';
import type { FastifyInstance } from 'fastify';
import { type FastifyPluginAsyncZod, jsonSchemaTransform, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from '../logger.ts';
import { errorHandler, type RenderError, sendError } from './error-handler.ts';

export type Api = {
  /** Its prefix is `/<name>`. */
  name: 'emissary' | 'mistral' | 'lamini' | 'llama-stack' | 'openai';
  /** The parts of its OpenAPI document that routes do not say: title, version, security schemes. */
  openapi: NonNullable<FastifyDynamicSwaggerOptions['openapi']>;
  renderError: RenderError;
  /** False where its paths are another API's too: then it answers under its prefix only. */
  atRoot?: boolean;
  /** Registers its routes (`/v1/...`), each with its zod schemas. Called twice, so it keeps no state of its own. */
  routes: FastifyPluginAsyncZod;
};

export function mountApi(
  app: FastifyInstance,
  api: Api,
  { logger, uploadLimit }: { logger: Logger; uploadLimit: number },
): void {
  const handleError = errorHandler(api.renderError, logger, uploadLimit);
  app.register(
    async (scope) => {
      scope.setErrorHandler(handleError);
      scope.setNotFoundHandler((_request, reply) =>
        sendError(new AtelierError('not_found', { kind: 'Route' }), api.renderError, reply),
      );
      await scope.register(swagger, { openapi: api.openapi, transform: jsonSchemaTransform });
      await scope.register(api.routes);
      scope.get('/openapi.json', { config: { public: true }, schema: { hide: true } }, async () => scope.swagger());
    },
    { prefix: `/${api.name}` },
  );
  if (api.atRoot === false) return;
  app.register(async (scope) => {
    scope.setErrorHandler(handleError);
    await scope.withTypeProvider<ZodTypeProvider>().register(api.routes);
  });
}
