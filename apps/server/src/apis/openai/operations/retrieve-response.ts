import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { responseParams, responseQuery, responseSchema, type WireResponse } from '../schemas/responses.ts';

export const retrieveResponse: Operation = (app, { responses }) => {
  app.get(
    '/v1/responses/:response_id',
    {
      schema: {
        operationId: 'getResponse',
        tags: ['Responses'],
        summary: 'Retrieve a response',
        params: responseParams,
        querystring: responseQuery,
        response: { 200: responseSchema, ...errorResponses },
      },
    },
    async (request) => (await responses.get(identityOf(request), request.params.response_id)).answer as WireResponse,
  );
};
