import { identityOf } from '../../../http/identity.ts';
import { fineTuningJobDetail } from '../fine-tuning-job.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { jobDetailSchema, jobParams } from '../schemas/fine-tuning.ts';

export const getFineTuningJob: Operation = (app, { trainingJobs }) => {
  app.get(
    '/v1/fine_tuning/jobs/:job_id',
    {
      schema: {
        operationId: 'jobs_api_routes_fine_tuning_get_fine_tuning_job',
        tags: ['fine-tuning'],
        summary: 'Get a fine-tuning job',
        params: jobParams,
        response: { 200: jobDetailSchema, ...errorResponses },
      },
    },
    (request) => fineTuningJobDetail(trainingJobs, identityOf(request), request.params.job_id),
  );
};
