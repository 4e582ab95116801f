import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { deploymentParams } from '../schemas/deployments.ts';
import { emptySchema } from '../schemas/empty.ts';
import { errorResponses } from '../schemas/errors.ts';

export const cancelDeployment: Operation = (app, { deployments }) => {
  app.post(
    '/v1/projects/:project_id/deployments/:deployment_id/cancel',
    {
      schema: {
        operationId: 'cancelDeploymentById',
        tags: ['Deployments'],
        summary: 'Cancel deployment',
        description: 'Takes a deployment down, or stops bringing it up. Refused when it has failed.',
        params: deploymentParams,
        response: { 204: emptySchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      await deployments.cancel(identityOf(request), request.params.project_id, request.params.deployment_id);
      return reply.code(204).send(null);
    },
  );
};
