import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { datasetListSchema } from '../schemas/datasets.ts';
import { errorResponses } from '../schemas/errors.ts';
import { projectParams } from '../schemas/project-params.ts';
import { datasetSummary } from '../translate/dataset.ts';

export const listDatasets: Operation = (app, { datasets }) => {
  app.get(
    '/v1/projects/:project_id/datasets',
    {
      schema: {
        operationId: 'listDatasets',
        tags: ['Datasets'],
        summary: 'List datasets',
        params: projectParams,
        response: { 200: datasetListSchema, ...errorResponses },
      },
    },
    async (request) => (await datasets.list(identityOf(request), request.params.project_id)).map(datasetSummary),
  );
};
