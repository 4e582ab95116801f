import { identityOf } from '../../../http/identity.ts';
import { fineTuningJob, fineTuningJobDetail } from '../fine-tuning-job.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { jobDetailSchema, jobParams } from '../schemas/fine-tuning.ts';

export const cancelFineTuningJob: Operation = (app, { trainingJobs }) => {
  app.post(
    '/v1/fine_tuning/jobs/:job_id/cancel',
    {
      schema: {
        operationId: 'jobs_api_routes_fine_tuning_cancel_fine_tuning_job',
        tags: ['fine-tuning'],
        summary: 'Cancel a fine-tuning job',
        params: jobParams,
        response: { 200: jobDetailSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const found = await fineTuningJob(trainingJobs, identity, request.params.job_id);
      await trainingJobs.cancel(identity, found.project_id, found.id);
      return fineTuningJobDetail(trainingJobs, identity, request.params.job_id);
    },
  );
};
