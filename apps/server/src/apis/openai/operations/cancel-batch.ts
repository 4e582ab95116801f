import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { batchParams, batchSchema } from '../schemas/batches.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireBatch } from '../translate/batch.ts';
import { uuidOf } from '../translate/ids.ts';

export const cancelBatch: Operation = (app, { batches }) => {
  app.post(
    '/v1/batches/:batch_id/cancel',
    {
      schema: {
        operationId: 'cancelBatch',
        tags: ['Batch'],
        summary: 'Cancel a batch',
        params: batchParams,
        response: { 200: batchSchema, ...errorResponses },
      },
    },
    async (request) => wireBatch(await batches.cancel(identityOf(request), uuidOf('batch', request.params.batch_id))),
  );
};
