import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { baseModelListSchema } from '../schemas/models.ts';
import { baseModel } from '../translate/base-model.ts';

export const listBaseModels: Operation = (app, { models }) => {
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
    async (request) => (await models.listBase(identityOf(request))).map(baseModel),
  );
};
