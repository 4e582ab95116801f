import type { Model } from '../../../core/models/models.ts';
import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { projectParams } from '../schemas/project-params.ts';
import { createTrainingJobSchema, trainingJobSummarySchema } from '../schemas/training-jobs.ts';
import { newTrainingJob, refuseUnsupported } from '../translate/create-training-job.ts';
import { trainingJobSummary } from '../translate/training-job.ts';

export const createTrainingJob: Operation = (app, { models, projects, trainingJobs }) => {
  app.post(
    '/v1/projects/:project_id/training-jobs',
    {
      schema: {
        operationId: 'createTrainingJob',
        tags: ['Training Jobs'],
        summary: 'Create training job',
        params: projectParams,
        body: createTrainingJobSchema,
        response: { 201: trainingJobSummarySchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      const identity = identityOf(request);
      const { project_id } = request.params;
      await projects.get(identity, project_id);
      refuseUnsupported(request.body);
      const createWith = async (model: Model) =>
        trainingJobs.create(identity, project_id, newTrainingJob(request.body, model));
      const { base_model: name, hf_model_link: link } = request.body;
      const model = await (link === undefined ? models.getBase(identity, name) : models.expect(identity, link));
      const job = await createWith(model).catch(async (error: unknown) => {
        await models.expectNoMore(model);
        throw error;
      });
      return reply.code(201).send(trainingJobSummary(job));
    },
  );
};
