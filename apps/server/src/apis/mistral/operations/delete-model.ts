import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { deletedModelSchema, modelParams } from '../schemas/models.ts';

export const deleteModel: Operation = (app, { models }) => {
  app.delete(
    '/v1/models/:model_id',
    {
      schema: {
        operationId: 'delete_model_v1_models__model_id__delete',
        tags: ['models'],
        summary: 'Delete a fine-tuned model',
        params: modelParams,
        response: { 200: deletedModelSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model_id } = request.params;
      await models.remove(identityOf(request), model_id);
      return { id: model_id, object: 'model' as const, deleted: true as const };
    },
  );
};
