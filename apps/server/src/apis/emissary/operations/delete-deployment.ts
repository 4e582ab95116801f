import { identityOf } from '../../../http/identity.ts';
import type { Operation } from '../operation.ts';
import { deploymentParams } from '../schemas/deployments.ts';
import { emptySchema } from '../schemas/empty.ts';
import { errorResponses } from '../schemas/errors.ts';

export const deleteDeployment: Operation = (app, { deployments }) => {
  app.delete(
    '/v1/projects/:project_id/deployments/:deployment_id',
    {
      schema: {
        operationId: 'deleteDeploymentById',
        tags: ['Deployments'],
        summary: 'Delete deployment',
        description: 'Requests under way go on to their end.',
        params: deploymentParams,
        response: { 204: emptySchema, ...errorResponses },
      },
    },
    async (request, reply) => {
      await deployments.remove(identityOf(request), request.params.project_id, request.params.deployment_id);
      return reply.code(204).send(null);
    },
  );
};
