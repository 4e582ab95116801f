import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { trainingJobParams } from '../schemas/training-jobs.ts';
import { emptySchema } from '../schemas/empty.ts';
import { errorResponses } from '../schemas/errors.ts';

export const cancelTrainingJob: Operation = (app, { trainingJobs }) => {
  app.post(
    '/v1/projects/:project_id/training-jobs/:training_job_id/cancel',
    {
      schema: {
        operationId: 'cancelTrainingJobById',
        tags: ['Training Jobs'],
        summary: 'Cancel training job',
        description: 'Checkpoints that were taken before are kept. Refused when the job has ended in another way.',
        params: trainingJobParams,
        response: { 204: emptySchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      await trainingJobs.cancel(identityOf(request), request.params.project_id, request.params.training_job_id);
      return reply.code(204).send(null);
    },
  );
};
