import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { batchParams, batchSchema } from '../schemas/batches.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireBatch } from '../translate/batch.ts';

export const getBatchJob: Operation = (app, { batches }) => {
  app.get(
    '/v1/batch/jobs/:job_id',
    {
      schema: {
        operationId: 'jobs_api_routes_batch_get_batch_job',
        tags: ['batch'],
        summary: 'Retrieve a batch job',
        params: batchParams,
        response: { 200: batchSchema, ...errorResponses },
      },
    },
    async (request) => wireBatch(await batches.get(identityOf(request), request.params.job_id)),
  );
};
