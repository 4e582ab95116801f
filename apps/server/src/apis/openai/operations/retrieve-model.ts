import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { modelParams, modelSchema } from '../schemas/models.ts';
import { wireModel } from '../translate/model.ts';

export const retrieveModel: Operation = (app, { models }) => {
  app.get(
    '/v1/models/:model',
    {
      schema: {
        operationId: 'retrieveModel',
        tags: ['Models'],
        summary: 'Retrieve a model',
        params: modelParams,
        response: { 200: modelSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { model } = request.params;
      return wireModel(await models.get(identityOf(request), model), model);
    },
  );
};
