import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { fineTunedModelSchema, modelParams, modelUpdateSchema } from '../schemas/models.ts';
import { fineTunedModel } from '../translate/model.ts';

export const updateModel: Operation = (app, { models, trainingJobs }) => {
  app.patch(
    '/v1/fine_tuning/models/:model_id',
    {
      schema: {
        operationId: 'jobs_api_routes_fine_tuning_update_fine_tuned_model',
        tags: ['models'],
        summary: 'Update a fine-tuned model',
        params: modelParams,
        body: modelUpdateSchema,
        response: { 200: fineTunedModelSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const { name, description } = request.body;
      const model = await models.update(identity, request.params.model_id, {
        ...(name !== undefined && { title: name }),
        ...(description !== undefined && { description }),
      });
      const jobs = await trainingJobs.ofModels(identity, [model]);
      return fineTunedModel(models, model, jobs.get(model.id)!);
    },
  );
};
