import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { deletedModelSchema, modelParams } from '../schemas/models.ts';

export const deleteModel: Operation = (app, { models }) => {
  app.delete(
    '/v1/models/:model',
    {
      schema: {
        operationId: 'deleteModel',
        tags: ['Models'],
        summary: 'Delete a fine-tuned model',
        params: modelParams,
        response: { 200: deletedModelSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model } = request.params;
      await models.remove(identityOf(request), model);
      return { id: model, object: 'model' as const, deleted: true as const };
    },
  );
};
