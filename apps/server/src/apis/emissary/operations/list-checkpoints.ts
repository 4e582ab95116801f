import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { checkpointListSchema, trainingJobParams } from '../schemas/training-jobs.ts';
import { checkpoint } from '../translate/checkpoint.ts';

export const listCheckpoints: Operation = (app, { trainingJobs, links }) => {
  app.get(
    '/v1/projects/:project_id/training-jobs/:training_job_id/checkpoints',
    {
      schema: {
        operationId: 'listCheckpoints',
        tags: ['Training Jobs'],
        summary: 'List checkpoints',
        params: trainingJobParams,
        response: { 200: checkpointListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { project_id, training_job_id } = request.params;
      const job = await trainingJobs.get(identityOf(request), project_id, training_job_id);
      return (await trainingJobs.checkpoints(job)).map((row) => checkpoint(row, links));
    },
  );
};
