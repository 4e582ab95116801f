import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { jobParams, jobSchema } from '../schemas/fine-tuning.ts';
import { wireJob } from '../translate/fine-tuning.ts';
import { uuidOf } from '../translate/ids.ts';

export const resumeFineTuningJob: Operation = (app, { trainingJobs }) => {
  app.post(
    '/v1/fine_tuning/jobs/:fine_tuning_job_id/resume',
    {
      schema: {
        operationId: 'resumeFineTuningJob',
        tags: ['Fine-tuning'],
        summary: 'Resume a fine-tuning job',
        params: jobParams,
        response: { 200: jobSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const uuid = uuidOf('job', request.params.fine_tuning_job_id);
      await trainingJobs.resume(await trainingJobs.byUuid(identity, uuid));
      return wireJob(await trainingJobs.byUuid(identity, uuid));
    },
  );
};
