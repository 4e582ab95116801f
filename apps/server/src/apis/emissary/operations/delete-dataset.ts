import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { datasetParams } from '../schemas/datasets.ts';
import { emptySchema } from '../schemas/empty.ts';
import { errorResponses } from '../schemas/errors.ts';

export const deleteDataset: Operation = (app, { datasets }) => {
  app.delete(
    '/v1/projects/:project_id/datasets/:dataset_id',
    {
      schema: {
        operationId: 'deleteDatasetById',
        tags: ['Datasets'],
        summary: 'Delete dataset',
        description: 'Refused while a training job names it.',
        params: datasetParams,
        response: { 204: emptySchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      await datasets.remove(identityOf(request), request.params.project_id, request.params.dataset_id);
      return reply.code(204).send(null);
    },
  );
};
