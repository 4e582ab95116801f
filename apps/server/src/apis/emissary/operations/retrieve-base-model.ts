import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { baseModelParams, baseModelSchema } from '../schemas/models.ts';
import { baseModel } from '../translate/base-model.ts';

export const retrieveBaseModel: Operation = (app, { models, deployments }) => {
  app.get(
    '/v1/models/:base_model_name',
    {
      schema: {
        operationId: 'retrieveBaseModelByName',
        tags: ['Base Models'],
        summary: 'Retrieve base model',
        params: baseModelParams,
        response: { 200: baseModelSchema, ...errorResponses },
      },
    },
    async (request) => {
      const model = await models.getBase(identityOf(request), request.params.base_model_name);
      return baseModel(model, deployments.runsElsewhere(model));
    },
  );
};
