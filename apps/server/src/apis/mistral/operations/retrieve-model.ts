import { identityOf } from '../../../http/identity.ts';
import { bearerAtRoot } from '../at-root.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { modelCardSchema, modelParams } from '../schemas/models.ts';
import { modelCard } from '../translate/model.ts';

export const retrieveModel: Operation = (app, { models, trainingJobs }) => {
  app.get(
    '/v1/models/:model_id',
    {
      ...bearerAtRoot(app),
      schema: {
        operationId: 'retrieve_model_v1_models__model_id__get',
        tags: ['models'],
        summary: 'Retrieve model',
        params: modelParams,
        response: { 200: modelCardSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const { model_id } = request.params;
      const model = await models.get(identity, model_id);
      const jobs = await trainingJobs.ofModels(identity, [model]);
      return modelCard(models, model, jobs.get(model.id), model_id);
    },
  );
};
