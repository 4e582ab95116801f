import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { datasetDetailSchema, datasetParams } from '../schemas/datasets.ts';
import { errorResponses } from '../schemas/errors.ts';
import { datasetDetail } from '../translate/dataset.ts';

export const retrieveDataset: Operation = (app, { datasets, links }) => {
  app.get(
    '/v1/projects/:project_id/datasets/:dataset_id',
    {
      schema: {
        operationId: 'retrieveDatasetById',
        tags: ['Datasets'],
        summary: 'Retrieve dataset',
        params: datasetParams,
        response: { 200: datasetDetailSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { project_id, dataset_id } = request.params;
      return datasetDetail(await datasets.get(identityOf(request), project_id, dataset_id), links);
    },
  );
};
