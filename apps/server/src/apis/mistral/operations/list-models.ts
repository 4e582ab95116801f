import { identityOf } from '../../../http/identity.ts';
import { bearerAtRoot } from '../at-root.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { modelListSchema } from '../schemas/models.ts';
import { modelCard } from '../translate/model.ts';

export const listModels: Operation = (app, { models, trainingJobs }) => {
  app.get(
    '/v1/models',
    {
      ...bearerAtRoot(app),
      schema: {
        operationId: 'list_models_v1_models_get',
        tags: ['models'],
        summary: 'List models',
        response: { 200: modelListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const all = await models.list(identity);
      const jobs = await trainingJobs.ofModels(identity, all);
      return {
        object: 'list' as const,
        data: all.map((model) => modelCard(models, model, jobs.get(model.id))),
      };
    },
  );
};
