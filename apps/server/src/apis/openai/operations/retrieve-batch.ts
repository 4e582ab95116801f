import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { batchParams, batchSchema } from '../schemas/batches.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireBatch } from '../translate/batch.ts';
import { uuidOf } from '../translate/ids.ts';

export const retrieveBatch: Operation = (app, { batches }) => {
  app.get(
    '/v1/batches/:batch_id',
    {
      schema: {
        operationId: 'retrieveBatch',
        tags: ['Batch'],
        summary: 'Retrieve a batch',
        params: batchParams,
        response: { 200: batchSchema, ...errorResponses },
      },
    },
    async (request) => wireBatch(await batches.get(identityOf(request), uuidOf('batch', request.params.batch_id))),
  );
};
