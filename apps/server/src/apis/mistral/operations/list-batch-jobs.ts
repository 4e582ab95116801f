import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { batchListQuery, batchListSchema } from '../schemas/batches.ts';
import { errorResponses } from '../schemas/errors.ts';
import { batchStates, metadataFilter, wireBatch } from '../translate/batch.ts';

export const listBatchJobs: Operation = (app, { batches }) => {
  app.get(
    '/v1/batch/jobs',
    {
      schema: {
        operationId: 'jobs_api_routes_batch_get_batch_jobs',
        tags: ['batch'],
        summary: 'List batch jobs',
        querystring: batchListQuery,
        response: { 200: batchListSchema, ...errorResponses },
      },
    },
    async (request) => {
      const identity = identityOf(request);
      const { page, page_size, model, created_after, created_by_me, status } = request.query;
      const found = await batches.page(
        identity,
        {
          model,
          states: status && batchStates(status),
          createdAfter: created_after,
          createdBy: created_by_me ? identity.userId : undefined,
          metadata: metadataFilter(request.query),
        },
        { offset: page * page_size, limit: page_size },
      );
      return { data: found.batches.map(wireBatch), object: 'list' as const, total: found.total };
    },
  );
};
