import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { batchListQuery, batchListSchema } from '../schemas/batches.ts';
import { errorResponses } from '../schemas/errors.ts';
import { wireBatch } from '../translate/batch.ts';
import { uuidOf } from '../translate/ids.ts';
import { listPage } from '../translate/list.ts';

export const listBatches: Operation = (app, { batches }) => {
  app.get(
    '/v1/batches',
    {
      schema: {
        operationId: 'listBatches',
        tags: ['Batch'],
        summary: 'List batches',
        querystring: batchListQuery,
        response: { 200: batchListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { after, limit } = request.query;
      // Those of other APIs have lines and answers of another form.
      const found = await batches.page(
        identityOf(request),
        { api: 'openai' },
        { ...(after !== undefined && { after: uuidOf('batch', after) }), limit: limit + 1 },
      );
      return listPage(found.batches.map(wireBatch), limit);
    },
  );
};
