import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { deploymentParams } from '../schemas/deployments.ts';
import { errorResponses } from '../schemas/errors.ts';
import { classificationRequestSchema, classificationResponseSchema } from '../schemas/inference.ts';

export const getClassification: Operation = (app, { inference }) => {
  app.post(
    '/v1/projects/:project_id/deployments/:deployment_id/classification',
    {
      schema: {
        operationId: 'getClassificationFromDeployment',
        tags: ['Inference'],
        summary: 'Classification',
        description: 'Deployments that generate text, which is all that can be trained yet, refuse this.',
        params: deploymentParams,
        body: classificationRequestSchema,
        response: { 200: classificationResponseSchema, ...errorResponses },
      },
    },
    async (request) => {
      const { project_id: projectId, deployment_id: deploymentId } = request.params;
      return inference.refuse(identityOf(request), { projectId, deploymentId }, 'classification');
    },
  );
};
