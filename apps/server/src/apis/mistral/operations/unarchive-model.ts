import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { archivedModelSchema, modelParams } from '../schemas/models.ts';

export const unarchiveModel: Operation = (app, { models }) => {
  app.delete(
    '/v1/fine_tuning/models/:model_id/archive',
    {
      schema: {
        operationId: 'jobs_api_routes_fine_tuning_unarchive_fine_tuned_model',
        tags: ['models'],
        summary: 'Unarchive a fine-tuned model',
        params: modelParams,
        response: { 200: archivedModelSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { name } = await models.update(identityOf(request), request.params.model_id, { archived: false });
      return { id: name, object: 'model' as const, archived: false };
    },
  );
};
