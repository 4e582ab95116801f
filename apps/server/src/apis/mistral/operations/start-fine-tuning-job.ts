import { AtelierError } from '@atelier/errors';
import { identityOf } from '../../../http/identity.ts';
import { fineTuningJob, fineTuningJobDetail } from '../fine-tuning-job.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { jobDetailSchema, jobParams } from '../schemas/fine-tuning.ts';
import { statusOfJob } from '../translate/fine-tuning-job.ts';

export const startFineTuningJob: Operation = (app, { trainingJobs }) => {
  app.post(
    '/v1/fine_tuning/jobs/:job_id/start',
    {
      schema: {
        operationId: 'jobs_api_routes_fine_tuning_start_fine_tuning_job',
        tags: ['fine-tuning'],
        summary: 'Start a validated fine-tuning job',
        params: jobParams,
        response: { 200: jobDetailSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const found = await fineTuningJob(trainingJobs, identity, request.params.job_id);
      const status = statusOfJob(found);
      if (status !== 'VALIDATED')
        throw new AtelierError('conflict', { reason: `The job is ${status}: only one that is VALIDATED is started` });
      await trainingJobs.start(found);
      return fineTuningJobDetail(trainingJobs, identity, request.params.job_id);
    },
  );
};
