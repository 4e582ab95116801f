import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { trainingJobParams } from '../schemas/training-jobs.ts';
import { emptySchema } from '../schemas/empty.ts';
import { errorResponses } from '../schemas/errors.ts';

export const deleteTrainingJob: Operation = (app, { trainingJobs }) => {
  app.delete(
    '/v1/projects/:project_id/training-jobs/:training_job_id',
    {
      schema: {
        operationId: 'deleteTrainingJobById',
        tags: ['Training Jobs'],
        summary: 'Delete training job',
        description: 'Removes its checkpoints too. Refused while it is active or a deployment names it.',
        params: trainingJobParams,
        response: { 204: emptySchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      await trainingJobs.remove(identityOf(request), request.params.project_id, request.params.training_job_id);
      return reply.code(204).send(null);
    },
  );
};
