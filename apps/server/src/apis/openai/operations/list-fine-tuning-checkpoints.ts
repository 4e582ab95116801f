import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { errorResponses } from '../schemas/errors.ts';
import { checkpointListQuery, checkpointListSchema, jobParams } from '../schemas/fine-tuning.ts';
import { wireCheckpoints } from '../translate/fine-tuning.ts';
import { uuidOf } from '../translate/ids.ts';
import { pageOf } from '../translate/list.ts';

export const listFineTuningCheckpoints: Operation = (app, { trainingJobs }) => {
  app.get(
    '/v1/fine_tuning/jobs/:fine_tuning_job_id/checkpoints',
    {
      schema: {
        operationId: 'listFineTuningJobCheckpoints',
        tags: ['Fine-tuning'],
        summary: 'List the checkpoints of a fine-tuning job',
        params: jobParams,
        querystring: checkpointListQuery,
        response: { 200: checkpointListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const job = await trainingJobs.byUuid(identityOf(request), uuidOf('job', request.params.fine_tuning_job_id));
      const [checkpoints, steps, validations] = await Promise.all([
        trainingJobs.checkpoints(job),
        trainingJobs.steps(job, 1),
        trainingJobs.validations(job),
      ]);
      return pageOf(wireCheckpoints(job, checkpoints, steps, validations), request.query);
    },
  );
};
