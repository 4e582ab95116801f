import { AtelierError } from '@atelier/errors';
import { z } from 'zod';
import type { Api } from '../../src/http/api.ts';
import type { CredentialKind } from '../../src/http/credential.ts';
import { identityOf } from '../../src/http/identity.ts';

/** A small API with a shape of error of its own; `calls` counts how often a handler ran. */
export function toyApi(
  name: Api['name'],
  options: { credential?: CredentialKind; only?: 'models' } = {},
): Api & { calls: number } {
  const api: Api & { calls: number } = {
    name,
    calls: 0,
    openapi: { info: { title: `Toy ${name}`, version: '1' } },
    renderError: (error) => ({ status: error.status, body: { toy: name, problem: error.message } }),
    async routes(app) {
      app.get(
        '/v1/models',
        { ...(options.credential && { constraints: { credential: options.credential } }) },
        async () => {
          api.calls++;
          return { from: name };
        },
      );
      if (options.only) return;
      app.post(
        '/v1/things/:id',
        {
          schema: {
            params: z.object({ id: z.string() }),
            body: z.strictObject({ count: z.int().min(1), note: z.string().optional() }),
            response: { 200: z.object({ total: z.int() }) },
          },
        },
        async (request) => {
          api.calls++;
          return { total: request.body.count };
        },
      );
      app.get('/v1/me', async (request) => identityOf(request));
      app.get('/v1/fail/:how', { schema: { params: z.object({ how: z.string() }) } }, async (request) => {
        if (request.params.how === 'busy') throw new AtelierError('too_many_requests', { waiting: 9, retryAfter: 7 });
        if (request.params.how === 'full') throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        throw new Error('the secret of row 7 is xyzzy');
      });
      app.post('/v1/upload', async (request) => {
        let bytes = 0;
        for await (const part of request.parts())
          if (part.type === 'file') for await (const chunk of part.file) bytes += (chunk as Buffer).length;
        return { bytes };
      });
    },
  };
  return api;
}
