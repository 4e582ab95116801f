import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { deletedResponseSchema, responseParams } from '../schemas/responses.ts';

export const deleteResponse: Operation = (app, { responses }) => {
  app.delete(
    '/v1/responses/:response_id',
    {
      schema: {
        operationId: 'deleteResponse',
        tags: ['Responses'],
        summary: 'Delete a response',
        params: responseParams,
        response: { 200: deletedResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { response_id } = request.params;
      await responses.remove(identityOf(request), response_id);
      return { id: response_id, object: 'response' as const, deleted: true as const };
    },
  );
};
