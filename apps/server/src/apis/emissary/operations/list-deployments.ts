import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { deploymentListSchema } from '../schemas/deployments.ts';
import { errorResponses } from '../schemas/errors.ts';
import { projectParams } from '../schemas/project-params.ts';
import { deploymentSummary } from '../translate/deployment.ts';

export const listDeployments: Operation = (app, { deployments }) => {
  app.get(
    '/v1/projects/:project_id/deployments',
    {
      schema: {
        operationId: 'listDeployments',
        tags: ['Deployments'],
        summary: 'List deployments',
        params: projectParams,
        response: { 200: deploymentListSchema, ...errorResponses },
      },
    },
    async (request) => (await deployments.list(identityOf(request), request.params.project_id)).map(deploymentSummary),
  );
};
