import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { trainingJobListSchema } from '../schemas/training-jobs.ts';
import { errorResponses } from '../schemas/errors.ts';
import { projectParams } from '../schemas/project-params.ts';
import { trainingJobSummary } from '../translate/training-job.ts';

export const listTrainingJobs: Operation = (app, { trainingJobs }) => {
  app.get(
    '/v1/projects/:project_id/training-jobs',
    {
      schema: {
        operationId: 'listTrainingJobs',
        tags: ['Training Jobs'],
        summary: 'List training jobs',
        params: projectParams,
        response: { 200: trainingJobListSchema, ...errorResponses },
      },
    },
    async (request) =>
      (await trainingJobs.list(identityOf(request), request.params.project_id)).map(trainingJobSummary),
  );
};
