import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { fileParams, signedUrlQuery, signedUrlSchema } from '../schemas/files.ts';

const HOUR_SECONDS = 3600;

export const getSignedUrl: Operation = (app, { files, links }) => {
  app.get(
    '/v1/files/:file_id/url',
    {
      schema: {
        operationId: 'files_api_routes_get_signed_url',
        tags: ['files'],
        summary: 'A link to a file that needs no key',
        params: fileParams,
        querystring: signedUrlQuery,
        response: { 200: signedUrlSchema, ...errorResponses },
      },
    },
    async (request) => {
      const file = await files.get(identityOf(request), request.params.file_id);
      const named = { blob: file.blob, filename: file.name, contentType: 'application/octet-stream' };
      return { url: links.urlFor(named, request.query.expiry * HOUR_SECONDS) };
    },
  );
};
