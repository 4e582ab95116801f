import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { baseModelListSchema } from '../schemas/models.ts';
import { baseModel } from '../translate/base-model.ts';

export const listBaseModels: Operation = (app, { models, deployments }) => {
  app.get(
    '/v1/models',
    {
      schema: {
        operationId: 'listBaseModels',
        tags: ['Base Models'],
        summary: 'List base models',
        response: { 200: baseModelListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const all = await models.listBase(identityOf(request));
      return all.map((model) => baseModel(model, deployments.runsElsewhere(model)));
    },
  );
};
