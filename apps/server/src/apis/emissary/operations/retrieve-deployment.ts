import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { deploymentDetailSchema, deploymentParams } from '../schemas/deployments.ts';
import { errorResponses } from '../schemas/errors.ts';
import { deploymentDetail } from '../translate/deployment.ts';

export const retrieveDeployment: Operation = (app, { deployments }) => {
  app.get(
    '/v1/projects/:project_id/deployments/:deployment_id',
    {
      schema: {
        operationId: 'retrieveDeploymentById',
        tags: ['Deployments'],
        summary: 'Retrieve deployment',
        params: deploymentParams,
        response: { 200: deploymentDetailSchema, ...errorResponses },
      },
    },
    async (request) =>
      deploymentDetail(
        await deployments.get(identityOf(request), request.params.project_id, request.params.deployment_id),
      ),
  );
};
