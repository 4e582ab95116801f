import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { trainingJobDetailSchema, trainingJobParams } from '../schemas/training-jobs.ts';
import { trainingJobDetail } from '../translate/training-job.ts';

export const retrieveTrainingJob: Operation = (app, { datasets, trainingJobs }) => {
  app.get(
    '/v1/projects/:project_id/training-jobs/:training_job_id',
    {
      schema: {
        operationId: 'retrieveTrainingJobById',
        tags: ['Training Jobs'],
        summary: 'Retrieve training job',
        params: trainingJobParams,
        response: { 200: trainingJobDetailSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const { project_id, training_job_id } = request.params;
      const job = await trainingJobs.get(identity, project_id, training_job_id);
      const dataset = async (role: 'train' | 'test') => {
        const named = job.datasets.find((each) => each.role === role);
        return named && datasets.inWorkspace(identity, named.dataset_id);
      };
      const every = job.api_parameters['logging_steps'];
      return trainingJobDetail(job, {
        train: (await dataset('train'))!,
        test: await dataset('test'),
        steps: await trainingJobs.steps(job, typeof every === 'number' ? every : 1),
        validations: await trainingJobs.validations(job),
        samples: await trainingJobs.samples(job),
      });
    },
  );
};
