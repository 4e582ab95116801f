import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { batchParams, batchSchema } from '../schemas/batches.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireBatch } from '../translate/batch.ts';

export const cancelBatchJob: Operation = (app, { batches }) => {
  app.post(
    '/v1/batch/jobs/:job_id/cancel',
    {
      schema: {
        operationId: 'jobs_api_routes_batch_cancel_batch_job',
        tags: ['batch'],
        summary: 'Cancel a batch job',
        params: batchParams,
        response: { 200: batchSchema, ...errorResponses },
      },
    },
    async (request) => wireBatch(await batches.cancel(identityOf(request), request.params.job_id)),
  );
};
