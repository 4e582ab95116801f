import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { modelListSchema } from '../schemas/models.ts';
import { wireModel } from '../translate/model.ts';

export const listModels: Operation = (app, { models }) => {
  app.get(
    '/v1/models',
    {
      schema: {
        operationId: 'listModels',
        tags: ['Models'],
        summary: 'List models',
        response: { 200: modelListSchema, ...errorResponses },
      },
    },
    async (request) => ({
      object: 'list' as const,
      data: (await models.list(identityOf(request))).map((model) => wireModel(model)),
    }),
  );
};
